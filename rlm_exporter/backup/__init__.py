"""Copies of what a cluster is made of, and the way back from them."""
