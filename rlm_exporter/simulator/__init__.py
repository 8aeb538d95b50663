"""An RLM server, an rlmutil and a client fleet that behave like the real ones, in processes of their own."""
