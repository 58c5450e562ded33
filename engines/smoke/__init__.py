"""Smoke tests over HTTP: what must be true of a running service, and that two services answer alike.

``checks`` is pure (paths into JSON, assertions, differences); ``http`` sends; ``apply`` puts them together.
"""

from engines.smoke.apply import Runner, check
from engines.smoke.errors import NoAnswerError, SmokeError
from engines.smoke.http import Http, Request
from engines.smoke.model import Equality, SmokeTest
from engines.smoke.results import evidence, lines, require

__all__ = [
    "Equality",
    "Http",
    "NoAnswerError",
    "Request",
    "Runner",
    "SmokeError",
    "SmokeTest",
    "check",
    "evidence",
    "lines",
    "require",
]
