"""The daemon's HTTP: metrics, webhook, API and status page."""
