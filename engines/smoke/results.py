"""The result table of smoke tests: its lines, the failure it makes, the evidence it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from engines.smoke.errors import SmokeError
from engines.table import table


@dataclass(frozen=True)
class Result:
    """One line of the result table. ``latency_ms`` is the median; ``status`` 0: there was no answer."""

    name: str
    ok: bool
    skipped: bool
    status: int
    latency_ms: float
    expected: str
    got: str

    def line(self) -> str:
        """Return it as a line of text."""
        return f"- {self.name}: expected {self.expected}; got {self.got}"


def require(results: Sequence[Result], base_url: str) -> None:
    """Raise ``SmokeError`` that names every failing test with what was expected and what came."""
    failing = [result for result in results if not result.ok and not result.skipped]
    if failing:
        raise SmokeError(
            f"{len(failing)} of {len(results)} smoke tests failed:\n"
            + "\n".join(result.line() for result in failing),
            subject=base_url,
            remedy="See the service's log; `playbooks/rollback.yml` returns to the revision before.",
            details={"results": [asdict(result) for result in results], "table": lines(results)},
        )


def lines(results: Sequence[Result]) -> list[str]:
    """Return the result table; of a test that passed it needs no words."""
    return table(
        ("RESULT", "STATUS", "MS", "TEST", "GOT"),
        [
            (
                "skipped" if each.skipped else "ok" if each.ok else "FAILED",
                str(each.status or "-"),
                f"{each.latency_ms:.0f}" if each.status else "-",
                each.name,
                each.got if each.skipped or not each.ok else "",
            )
            for each in results
        ],
    )


def evidence(results: Sequence[Result], base_url: str) -> dict[str, Any]:
    """Return what is worth keeping: the counts, and each test's outcome."""
    run = [result for result in results if not result.skipped]
    return {
        "url": base_url,
        "tests": len(results),
        "passed": sum(result.ok for result in run),
        "skipped": len(results) - len(run),
        "slowest_ms": max((result.latency_ms for result in run), default=0.0),
        "results": [
            {
                "name": result.name,
                "ok": result.ok,
                "status": result.status,
                "got": result.got,
                "latency_ms": result.latency_ms,
            }
            for result in results
        ],
    }


def skipped(name: str, expected: str, why: str) -> Result:
    """Return the line of a test that was not run, and why."""
    return Result(name, True, True, 0, 0.0, expected, f"skipped: {why}")
