"""Who used what, when, and who was refused: from the report logs of the servers."""
