"""Smoke tests over HTTP: what must be true of a running service, and that two services answer alike.

``checks`` is pure (paths into JSON, assertions, differences); ``http`` sends; ``apply`` puts them together.
"""

from engines.smoke.apply import Runner, check
from engines.smoke.checks import pick
from engines.smoke.errors import CertificateError, NoAnswerError, SmokeError
from engines.smoke.http import Answer, Http, Request
from engines.smoke.model import DIRECT, Compared, Equality, Route, SmokeTest
from engines.smoke.results import evidence, lines, require

__all__ = [
    "DIRECT",
    "Answer",
    "CertificateError",
    "Compared",
    "Equality",
    "Http",
    "NoAnswerError",
    "Request",
    "Route",
    "Runner",
    "SmokeError",
    "SmokeTest",
    "check",
    "evidence",
    "lines",
    "pick",
    "require",
]
