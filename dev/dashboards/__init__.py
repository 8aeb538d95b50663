"""Makes `dashboards/*.json`: what an operator imports into Grafana."""
