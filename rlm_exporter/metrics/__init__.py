"""What Prometheus reads: one table of families, a page made from snapshots, and counters of what we do."""
