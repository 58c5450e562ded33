"""``python -m bmii``."""

from bmii.cli import main

main()
