"""The first instructions of a task's process: tie its life to the runner's, then become the task's program.

Run as ``python -S launcher.py RUNNER_PID WORKING_FOLDER PROGRAM ARGUMENT…``. It imports nothing of this
project, so that it starts in a few milliseconds with any interpreter.
"""

import ctypes
import errno
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CANNOT_EXECUTE = 126
_NOT_FOUND = 127


def main(arguments: list[str]) -> None:
    """Become the program; a runner that is gone already takes us with it."""
    runner, folder, *command = arguments
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(runner):
        sys.exit(1)
    os.chdir(folder)
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is the point
    except OSError as error:
        reason = "exec format error" if error.errno == errno.ENOEXEC else error.strerror
        sys.stderr.write(f"exec {command[0]}: {reason}\n")
        sys.exit(_NOT_FOUND if error.errno == errno.ENOENT else _CANNOT_EXECUTE)


if __name__ == "__main__":
    main(sys.argv[1:])
