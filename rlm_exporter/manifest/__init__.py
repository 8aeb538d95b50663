"""The door for YAML: a manifest becomes a typed `Cluster`, or a list of every problem with its place."""
