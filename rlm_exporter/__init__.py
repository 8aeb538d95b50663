"""Keeps Reprise License Manager servers available: probes, metrics, rules and failover."""

__version__ = "0.1.0"
