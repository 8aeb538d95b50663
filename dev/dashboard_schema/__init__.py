"""Compares the dashboards with Grafana's own schema, which comes from npm; nothing else needs that."""
