"""Records the calls of the operator's jobs into engines/policy/recorded.json."""

from __future__ import annotations

from rehearsal.operator_jobs import main

if __name__ == "__main__":
    main()
