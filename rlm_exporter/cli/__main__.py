"""`python -m rlm_exporter.cli` is `rlm-ha`, where no script is installed."""

from rlm_exporter.cli import main

main()
