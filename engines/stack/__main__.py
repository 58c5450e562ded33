"""``python -m engines.stack PART…`` prints the merged template, for a linter or a reviewer."""

from __future__ import annotations

import json
import sys

from engines.stack.template import merge

if __name__ == "__main__":
    sys.stdout.write(json.dumps(merge(sys.argv[1:]), indent=2) + "\n")
