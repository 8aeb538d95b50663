"""What rlmutil says first, by version. Nothing is imported here: rlmutil is started anew for every probe."""

DEFAULT = "12.2"
YEARS = {"9.1": "2006-2011", "12.2": "2006-2017", "15.2": "2006-2023", "16.1": "2006-2024"}
"""The versions whose text is known, with the years of their copyright line."""


def banner(version: str) -> str:
    """The two lines and the blank ones behind them."""
    return (
        f"rlmutil v{version}\n"
        f"Copyright (C) {YEARS[version]}, Reprise Software, Inc. All rights reserved.\n\n\n"
    )
