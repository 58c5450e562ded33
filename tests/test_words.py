"""The tree speaks the field's words: what only this project once said is found nowhere in it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What is not to be said, and what to say instead.
BANNED = {
    r"\b(?:old|new) (?:world|database|(?:object )?store|service)s?\b": "source, target",
    r"\btold by name\b": "reported",
    r"\bhand(?:s|ed|ing)? (?:on|over|back)\b": "pass, output, record, release",
    r"\bmend(?:s|ed|ing)?\b": "patch, repair, correct",
    r"\bway back\b": "rollback",
    r"\bbeside CloudFormation\b": "outside CloudFormation",
    r"\bnot_?carried\b": "not_copied",
    r"\b(?:is|are|was|were) left alone\b": "unchanged",
    r"\bnew home\b": "infrastructure",
    r"\bbeside (?:it|them|the)\b": "second, other, in the same folder, in addition",
    r"\b(?:as lines|a line|one line|words) for a person\b": "lines of text",
    r"\bgoes on from there\b": "continues",
    r"\bdefect of ours\b": "bug",
    r"\b(?:told to serve|ledger is told)\b": "release was started, recorded in the ledger",
}
_WORDS = re.compile("|".join(f"({pattern})" for pattern in BANNED), re.IGNORECASE)
_TEXT = {"", ".cfg", ".css", ".html", ".ini", ".json", ".md", ".py", ".sh", ".sql", ".toml", ".txt", ".yml"}


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [
        path
        for name in listed.stdout.splitlines()
        if (path := ROOT / name).suffix in _TEXT and path.is_file() and not path.is_symlink()
    ]


def test_nobody_has_to_decode_the_tree() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]!r}: say {list(BANNED.values())[(match.lastindex or 1) - 1]}"
        for path in _tracked()
        if path != Path(__file__)
        # What was said before is what a changelog is about.
        and path.name != "CHANGELOG.md"
        for match in _WORDS.finditer(path.read_text(encoding="utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize(
    "said",
    [
        "the old world",
        "it is told by name",
        "A phase hands on its outputs",
        "mended",
        "the way back",
        "one beside it",
        "The plan as lines for a person",
    ],
)
def test_the_words_are_found(said: str) -> None:
    assert _WORDS.search(said)
