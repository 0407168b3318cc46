"""Start the command line: python -m shared.cli."""

from shared.cli.app import main

main()
