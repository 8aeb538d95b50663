"""License files on every server as the masters have them: planned, pushed, read back, rolled back."""
