"""The command line as ``python -m evidence.cli``."""

from evidence.cli import main

main()
