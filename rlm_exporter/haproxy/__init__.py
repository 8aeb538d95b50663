"""HAProxy: its stats page as text, what we want of it, and the loop's one write path."""
