"""The OpenAPI document of the daemon's HTTP, as tables; a test compares it with routes and answers."""
