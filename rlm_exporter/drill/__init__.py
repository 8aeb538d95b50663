"""Drills: whether a cluster would hold, shown by asking it, and on demand by moving its clients."""
