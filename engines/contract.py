"""How a module ends: with its return values or a clear failure, never with a traceback.

Ansible itself is not imported here; ``ModuleLike`` is the part of ``AnsibleModule`` that is needed.
"""

from __future__ import annotations

import errno
import os
import tempfile
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, Protocol

from engines.errors import EngineError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class ModuleLike(Protocol):
    """The two ways out of an Ansible module."""

    def exit_json(self, **kwargs: Any) -> NoReturn:
        """Succeed with these return values."""

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        """Fail with a message and these return values."""


def finish(module: ModuleLike, call: Callable[[], Mapping[str, Any]]) -> NoReturn:
    """Run ``call`` and end ``module`` with what it returns, or with a message a user can act on.

    ``call`` returns the module's documented return values, ``changed`` among them. An ``EngineError`` is
    ``msg``, with ``subject``, ``remedy``, ``details`` and ``refused`` (nothing was tried) as further values.
    A full disk is reported as one. Anything else is a bug of this project: its traceback, which may quote
    arguments, goes to a file that only the user may read.
    """
    try:
        result = call()
    except EngineError as error:
        _fail(module, error)
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback may reach the screen
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            _fail(module, no_room(str(error.filename or "")))
        kept = _keep_traceback(getattr(module, "no_log_values", ()))
        module.fail_json(
            msg=f"Unexpected {type(error).__name__} (a bug in bmii-migrate). Please report it with {kept}",
            changed=False,
        )
    module.exit_json(**result)


def no_room(path: str = "") -> EngineError:
    """Return the error for a disk that is full, that of the temporary folder unless ``path`` is known."""
    return EngineError(
        "there is no room left on its disk, so that the task could not write what it needs",
        subject=path or f"temporary folder {os.environ.get('TMPDIR', '/tmp')}",  # noqa: S108 - named, not used: tempfile finds none when it is full
        remedy="Make room there, or set TMPDIR to a folder with room; then run the same command again.",
    )


def _fail(module: ModuleLike, error: EngineError) -> NoReturn:
    module.fail_json(
        msg=str(error),
        subject=error.subject,
        remedy=error.remedy,
        details=error.details,
        refused=error.refuses,
        changed=False,
    )


def _keep_traceback(secrets: Iterable[str]) -> str:
    """Write the current traceback, without ``secrets``, to a file with mode 0600, and return its path."""
    text = traceback.format_exc()
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "********")
    try:
        handle, name = tempfile.mkstemp(prefix="bmii-migrate-", suffix=".traceback")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        return (
            f"what the same command says again: the traceback could not be kept ({error.strerror or error})"
        )
    return name
