"""The main job on loopback: simulated servers and clients around the real other parts."""
