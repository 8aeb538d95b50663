"""The durable record: clusters, operations and their steps, alerts, decisions that held."""
