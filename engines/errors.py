"""The one family of errors that a user may see."""

from __future__ import annotations


class EngineError(Exception):
    """An error for the user: what happened, to what, and what to do next.

    Every engine raises a subclass of its own. The parts are kept apart so that a module can return them as
    fields and a test can assert on them. None of them may hold a secret. ``refuses``: nothing was tried.
    """

    refuses = False

    def __init__(self, what: str, *, subject: str = "", remedy: str = "", details: object = None) -> None:
        super().__init__(what)
        self.what = what
        self.subject = subject
        self.remedy = remedy
        self.details = details

    def __str__(self) -> str:
        """One line a user can act on."""
        head = f"{self.subject}: {self.what}" if self.subject else self.what
        return f"{head.rstrip('.')}. {self.remedy}" if self.remedy else head


class ConfigurationError(EngineError):
    """The configuration is wrong."""

    refuses = True


class RefusedError(EngineError):
    """Refused because it could harm data; a consent variable that is named in the message allows it."""

    refuses = True
