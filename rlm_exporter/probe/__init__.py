"""Probes of license servers, and the memory of what they said."""
