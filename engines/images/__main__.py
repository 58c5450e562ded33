"""``python -m engines.images`` prints ECR's password, for ``docker login --username AWS``."""

from __future__ import annotations

import base64
import sys

from engines.errors import EngineError
from engines.images.ecr import authorization

if __name__ == "__main__":
    try:
        token = base64.b64decode(authorization().removeprefix("Basic ")).decode()
    except EngineError as error:
        sys.exit(str(error))
    sys.stdout.write(token.partition(":")[2])
