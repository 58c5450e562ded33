"""Running smoke tests, and sending source and target the same requests."""

from __future__ import annotations

import hashlib
import json
import re
import statistics
from collections.abc import Mapping, Sequence

from engines.errors import ConfigurationError
from engines.events import Emit, emit
from engines.references import resolve
from engines.smoke.checks import Mismatch, difference, mismatches, shown
from engines.smoke.errors import NoAnswerError
from engines.smoke.http import Answer, Http, Request
from engines.smoke.model import Compared, Equality, SmokeTest
from engines.smoke.results import Result, skipped

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BODY_SHOWN = 200
# What these say is no secret, and blotting it out would make answers unreadable.
_OPEN_HEADERS = frozenset({"accept", "accept-language", "content-type", "user-agent"})
# As in `Bearer {ssm:/shop/production/TOKEN}`.
_REFERENCE = re.compile(r"\{((?:ssm|env):[^{}]+)\}")
MASK = "********"


class Runner:
    """Runs tests against ``base_url``; with ``only_safe`` (a dry run) nothing is sent that could write."""

    def __init__(self, base_url: str, http: Http, *, only_safe: bool = False, report: Emit = emit) -> None:
        self._base = base_url.rstrip("/")
        self._http = http
        self._only_safe = only_safe
        self._report = report
        self._resolved: dict[str, str] = {}
        self.secrets: set[str] = set()

    def run(self, tests: Sequence[SmokeTest], equality: Equality | None) -> list[Result]:
        """Run everything, in order, and return every result; a failing test does not stop the others."""
        results: list[Result] = []
        for test in tests:
            results.append(
                self._test(test) if self._base else skipped(test.name, _expectation(test), "no address yet")
            )
            self._report("smoke.test", name=test.name, ok=results[-1].ok)
        if equality and self._base:
            for number, asked in enumerate(equality.requests, 1):
                results.append(self._equal(equality, asked, number))
                self._report("smoke.equality", name=results[-1].name, ok=results[-1].ok)
        return results

    def _test(self, test: SmokeTest) -> Result:
        expected = _expectation(test)
        if self._only_safe and test.method not in _SAFE_METHODS:
            return skipped(test.name, expected, f"{test.method} is not sent in a dry run")
        try:
            headers = self._headers(test.headers)
        except ConfigurationError as error:
            if self._only_safe:  # the secret may well be made by a phase that a dry run did not run
                return skipped(test.name, expected, str(error))
            raise
        request = Request(test.method, self._base + test.path, headers, test.body, test.text)
        return self._ask(test, request, expected)

    def _ask(self, test: SmokeTest, request: Request, expected: str) -> Result:
        """Send it as often as the test says, until an answer is wrong."""
        latencies: list[float] = []
        status = 0
        for _ in range(test.repeat):
            try:
                answer = self._http.send(request)
                wrong, status = _wrong(test, answer), answer.status
            except NoAnswerError as error:
                return Result(test.name, False, False, 0, 0.0, expected, self._clean(f"no answer: {error}"))
            latencies.append(answer.latency_ms)
            if wrong:
                got = self._clean(wrong)
                return Result(test.name, False, False, status, answer.latency_ms, expected, got)
        latency = statistics.median(latencies)
        fast = not test.latency_ms or latency <= test.latency_ms
        return Result(test.name, fast, False, status, latency, expected, f"{status} in {latency:g} ms")

    def _equal(self, equality: Equality, asked: Compared, number: int) -> Result:
        what = "" if asked.body is None and asked.text is None else f" {shown(asked.body or asked.text)}"
        name = f"same answer as the source, {number}: {asked.method} {asked.path}{what}"
        expected = f"{asked.method} {asked.path} to answer as the source does"
        if self._only_safe and asked.method not in _SAFE_METHODS:
            return skipped(name, expected, f"{asked.method} is not sent in a dry run")
        try:
            old, new = (
                self._http.send(
                    Request(
                        asked.method,
                        base + asked.path,
                        self._headers({**headers, **asked.headers}),
                        asked.body,
                        asked.text,
                    )
                )
                for base, headers in (
                    (equality.reference_url.rstrip("/"), equality.reference_headers),
                    (self._base, equality.headers),
                )
            )
        except NoAnswerError as error:
            return Result(name, False, False, 0, 0.0, expected, self._clean(f"no answer: {error}"))
        wrong = _unequal(old, new, (*equality.ignore, *asked.ignore))
        got = self._clean(wrong or f"equal, {_digest(new)}")
        return Result(name, not wrong, False, new.status, new.latency_ms, expected, got)

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        values = {}
        for name, value in headers.items():
            reference = str(value)
            if reference not in self._resolved:
                self._resolved[reference] = _filled(reference)
            values[name] = self._resolved[reference]
            if name.lower() not in _OPEN_HEADERS and values[name]:
                self.secrets.add(values[name])
        return values

    def _clean(self, text: str) -> str:
        """Take header values out of what a service may have echoed."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text


def check(tests: Sequence[SmokeTest]) -> None:
    """Raise ``ConfigurationError`` for tests that share a name or are invalid."""
    names = [test.name for test in tests]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(
            "has the same name as another test",
            subject=", ".join(twice),
            remedy="Give each test a name of its own.",
        )
    for test in tests:
        if test.repeat < 1 or not test.path.startswith("/"):
            raise ConfigurationError(
                "needs a path that starts with / and a repeat of at least 1",
                subject=f"test {test.name}",
                remedy="Correct it in deploy_smoke_tests.",
            )


def _expectation(test: SmokeTest) -> str:
    parts = [" or ".join(str(status) for status in test.status)]
    parts += [f"{path} = {shown(value)}" for path, value in test.json.items()]
    parts += [f"{path} with all of {shown(list(items))}" for path, items in test.json_contains.items()]
    if test.matches:
        parts.append(f"a text that matches {test.matches}")
    if test.latency_ms:
        parts.append(f"at most {test.latency_ms:g} ms")
    return f"{test.method} {test.path} to answer " + ", ".join(parts)


def _wrong(test: SmokeTest, answer: Answer) -> str:
    """Say what is not as expected, or an empty text."""
    if answer.status not in test.status:
        return f"{answer.status}: {answer.text[:_BODY_SHOWN]}"
    if test.matches and not re.search(test.matches, answer.text):
        return f"{answer.status}: {answer.text[:_BODY_SHOWN]}"
    if not test.json and not test.json_contains:
        return ""
    try:
        document = answer.json()
    except ValueError:
        return f"{answer.status}, but not JSON: {answer.text[:_BODY_SHOWN]}"
    return "; ".join(
        f"{wrong.path} = {shown(wrong.got)}" for wrong in mismatches(document, test.json, test.json_contains)
    )


def _unequal(old: Answer, new: Answer, ignore: Sequence[str]) -> str:
    """Say how two answers differ, or an empty text. Two refusals are not an equal answer."""
    if not 200 <= old.status < 300:  # noqa: PLR2004 - HTTP's own range for success
        return f"{old.status} from the source: {old.text[:_BODY_SHOWN]}"
    if new.status != old.status:
        return f"{new.status} instead of {old.status}: {new.text[:_BODY_SHOWN]}"
    try:
        found: Mismatch | None = difference(old.json(), new.json(), ignore)
    except ValueError:
        if old.text != new.text:
            return f"another text: {new.text[:_BODY_SHOWN]} instead of {old.text[:_BODY_SHOWN]}"
        return ""
    return f"{found.path} = {shown(found.got)} instead of {shown(found.expected)}" if found else ""


def _digest(answer: Answer) -> str:
    """Return a short name of an answer, independent of the order of keys: evidence of what was compared."""
    try:
        text = json.dumps(answer.json(), sort_keys=True, separators=(",", ":"))
    except ValueError:
        text = answer.text
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:16]


def _filled(value: str) -> str:
    """Return a header's value: what it refers to, or itself with what the references in braces name."""
    if _REFERENCE.search(value):
        return _REFERENCE.sub(lambda found: resolve(found[1]), value)
    return resolve(value)
