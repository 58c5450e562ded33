"""The tool knows no platform: what is BMII's stands in its inventories, its service and its migrations."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

from engines.preflight import variables

ROOT = Path(__file__).parents[1]
TOOL = ("roles", "engines", "library", "playbooks", "plugins")
# What the tool calls itself, and names its own files, labels, environment variables and schemas after.
OWN = re.compile(
    r"bmii[-_. ]migrate|bmii-(?:objects|evidence|report|verification|screen|display)|bmii_scratch"
    r"|(?-i:\bBMII_[A-Z_]+)"
    # The callback that shows a run is called so.
    r'|(?:name: |NAME = "|callback_)bmii\b',
    re.IGNORECASE,
)
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
        *requests["deploy_reference_requests"][0]["body"].keys() - {"record", "top_k"},
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


def test_another_application_s_inventory_sets_all_that_is_needed_and_names_nothing_of_bmii_s() -> None:
    folder = ROOT / "tests/second_app/inventory/group_vars/all"
    own = yaml.safe_load((folder / "main.yml").read_text(encoding="utf-8"))
    shared = [path for name in ("common", "rehearsal") for path in sorted((folder / name).glob("*.yml"))]
    values = {name: "" for path in shared for name in yaml.safe_load(path.read_text(encoding="utf-8"))}

    described = variables.described(ROOT / "roles")
    found = variables.missing(
        described, variables.Configuration({**values, **own, "platform_target": "emulator"})
    )

    assert list(found) == []
    assert set(own) - set(described) == {"shelf_greeting"}
    assert not re.search(r"bmii|bio_bind", (folder / "main.yml").read_text(encoding="utf-8"), re.IGNORECASE)
