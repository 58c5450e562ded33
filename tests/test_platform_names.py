"""The tool knows no platform: what is BMII's stands in its inventories, its service and its migrations."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
TOOL = ("roles", "engines", "library", "playbooks", "plugins")
# What the tool calls itself, and names its own files, labels, environment variables and schemas after.
OWN = re.compile(r"bmii[-_. ]migrate|bmii-objects|bmii_scratch|BMII_EVENTS|BMII_RUN_ID", re.IGNORECASE)
# What was recorded in a rehearsal of BMII, with its names.
RECORDED = {"engines/policy/recorded.json"}


def _names() -> set[str]:
    """Return the names that BMII's inventory gives to things, and words of its requests."""
    platform, requests = (
        yaml.safe_load((ROOT / "inventories/bmii" / name).read_text(encoding="utf-8"))
        for name in ("platform.yml", "smoke_tests.yml")
    )
    kinds = ("base_name", "database_name", "database_user", "database_application")
    paths = {one["path"] for one in requests["deploy_smoke_tests"]} - {platform["platform_health_path"]}
    return {
        *(platform[f"platform_{kind}"] for kind in kinds),
        *(path for path in paths if path != "/openapi.json"),
        *requests["deploy_reference_requests"][0].keys() - {"record", "top_k"},
    }


def _texts() -> dict[str, str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *TOOL],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    names = [name for name in listed if name and name not in RECORDED and (ROOT / name).is_file()]
    return {name: OWN.sub("", (ROOT / name).read_text(encoding="utf-8")) for name in names}


def test_no_part_of_the_tool_names_the_platform() -> None:
    names = _names()
    words = "|".join(re.escape(name) for name in sorted(names))
    pattern = re.compile(rf"(?<![A-Za-z])(?:{words})(?![a-z])", re.IGNORECASE)

    found = [
        f"{file}: {line.strip()}"
        for file, text in _texts().items()
        for line in text.splitlines()
        if pattern.search(line)
    ]

    assert len(names) >= 5, names
    assert found == []


def test_what_all_inventories_share_is_apart_from_what_is_of_the_platform() -> None:
    shared, platform = (
        {
            name
            for path in (ROOT / "inventories" / folder).glob("*.yml")
            for name in yaml.safe_load(path.read_text(encoding="utf-8"))
        }
        for folder in ("common", "bmii")
    )
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "inventories/common").glob("*.yml")]

    assert shared & platform == set()
    assert [text for text in texts if re.search(r"bmii(?!-migrate)|bio_bind_rank", text)] == []
