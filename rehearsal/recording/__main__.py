"""Serves a recorder in this process: ``python -m rehearsal.recording PORT UPSTREAM FILE``."""

from __future__ import annotations

from rehearsal.recording.recorder import main

if __name__ == "__main__":
    main()
