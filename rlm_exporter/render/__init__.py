"""What is written for others, from the manifest."""
