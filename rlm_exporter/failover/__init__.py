"""Deciding when to move, and moving: rules, procedure, and the one writer of each cluster."""
