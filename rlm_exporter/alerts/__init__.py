"""Alerts that come in from Alertmanager."""
