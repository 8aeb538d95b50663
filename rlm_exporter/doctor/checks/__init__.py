"""One module for each check: ABOUT says what it looks at, `examine` looks."""
