"""Serves the emulated account in this process until it is stopped."""

from __future__ import annotations

import os

from ministack import app

from rehearsal.emulator import patches


def main() -> None:
    """Patch the emulator unless it is asked to be as it comes, and serve."""
    if os.environ.get("BMII_EMULATOR_UNPATCHED") != "1":
        patches.apply()
    app.main()


if __name__ == "__main__":
    main()
