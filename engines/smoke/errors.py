"""What can go wrong in a smoke test."""

from __future__ import annotations

from engines.errors import EngineError


class SmokeError(EngineError):
    """The service does not do what it must.

    ``details`` is ``{"results": [...], "table": [...]}``: each ``Result``, and the lines of text.
    """


class NoAnswerError(Exception):
    """There was no HTTP answer; the text says why, and holds no header."""


class CertificateError(NoAnswerError):
    """The server's certificate was refused. ``what`` is wrong with it, and the ``remedy``."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}")
        self.what = what
        self.remedy = remedy
