"""The one family of errors that a user may see."""

from __future__ import annotations

import pytest

from engines.errors import ConfigurationError, EngineError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (EngineError("is gone"), "is gone"),
        (EngineError("is gone", subject="table t"), "table t: is gone"),
        (EngineError("is gone.", remedy="Bring it back."), "is gone. Bring it back."),
        (ConfigurationError("is gone", subject="t", remedy="Name it."), "t: is gone. Name it."),
    ],
)
def test_what_happened_to_what_and_what_to_do_are_one_line(error: EngineError, text: str) -> None:
    assert str(error) == text
