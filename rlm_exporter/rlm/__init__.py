"""RLM's own formats, read and written as pure values."""
