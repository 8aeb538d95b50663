"""What a newcomer's machine needs before the first program runs: `make setup` starts `dev.setup`."""
