"""Looks a whole site over: what is wrong, why it matters, and what to do. Changes nothing."""
