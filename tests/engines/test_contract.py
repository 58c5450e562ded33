"""How a module ends."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, NoReturn

import pytest

from engines.contract import finish
from engines.errors import ConfigurationError


class EndedError(Exception):
    """The module has ended, well or not."""

    def __init__(self, **values: Any) -> None:
        super().__init__(values)
        self.values = values


class Module:
    def exit_json(self, **kwargs: Any) -> NoReturn:
        raise EndedError(failed=False, **kwargs)

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        raise EndedError(failed=True, msg=msg, **kwargs)


def end(call) -> dict[str, Any]:
    with pytest.raises(EndedError) as ended:
        finish(Module(), call)
    return ended.value.values


def test_a_result_is_returned() -> None:
    assert end(lambda: {"changed": True}) == {"failed": False, "changed": True}


def test_an_engine_error_becomes_the_message() -> None:
    def call() -> NoReturn:
        raise ConfigurationError("is not set", subject="x", remedy="Set it.", details=[1])

    assert end(call) == {
        "failed": True,
        "msg": "x: is not set. Set it.",
        "subject": "x",
        "remedy": "Set it.",
        "details": [1],
        "refused": True,
        "changed": False,
    }


def test_a_defect_shows_neither_traceback_nor_arguments() -> None:
    def call() -> NoReturn:
        raise ValueError("password=hunter2")

    message = end(call)["msg"]
    assert message.startswith("Unexpected ValueError")
    assert "hunter2" not in message
    kept = Path(message.rsplit(" ", 1)[1])
    assert "hunter2" in kept.read_text(encoding="utf-8")
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.unlink()


def test_what_ansible_knows_to_be_secret_is_not_in_a_kept_traceback() -> None:
    class Knowing(Module):
        no_log_values = frozenset({"hunter2"})

    def call() -> NoReturn:
        raise ValueError("password=hunter2")

    with pytest.raises(EndedError) as ended:
        finish(Knowing(), call)
    kept = Path(ended.value.values["msg"].rsplit(" ", 1)[1])
    assert "password=********" in kept.read_text(encoding="utf-8")
    kept.unlink()


def test_a_full_disk_is_no_defect() -> None:
    def call() -> NoReturn:
        with Path("/dev/full").open("w", encoding="utf-8") as full:
            full.write("x")
        raise AssertionError

    values = end(call)
    assert "temporary folder" in values["subject"]
    assert "no room left" in values["msg"]
    assert "TMPDIR" in values["remedy"]


def test_a_full_disk_is_named_by_the_file_that_does_not_fit() -> None:
    def call() -> NoReturn:
        raise OSError(errno.EDQUOT, "Disk quota exceeded", "/var/lib/bmii/raw.jsonl.zst")

    assert end(call)["subject"] == "/var/lib/bmii/raw.jsonl.zst"


def test_a_defect_is_reported_though_its_traceback_cannot_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: str) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    assert "could not be kept (No space left on device)" in end(lambda: {}["x"])["msg"]
