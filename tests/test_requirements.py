"""The ways to install agree with each other."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
COLLECTIONS = yaml.safe_load((ROOT / "requirements.yml").read_text(encoding="utf-8"))["collections"]


def pins(lock: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda collection: collection["name"])
def test_the_installed_collection_is_one_that_galaxy_would_install(collection: dict[str, str]) -> None:
    spec = find_spec("ansible_collections." + collection["name"])
    assert spec is not None
    assert spec.submodule_search_locations is not None
    manifest = Path(next(iter(spec.submodule_search_locations))) / "MANIFEST.json"
    version = json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"]
    assert version in SpecifierSet(collection["version"])


def test_every_collection_in_use_is_required() -> None:
    used = set()
    for pattern in ("roles/**/*.yml", "playbooks/*.yml", "molecule/**/*.yml"):
        for path in ROOT.glob(pattern):
            used.update(
                re.findall(r"\b((?:amazon|community|ansible)\.\w+)\.\w+", path.read_text(encoding="utf-8"))
            )
    assert used - {"ansible.builtin"} <= {collection["name"] for collection in COLLECTIONS}


def test_the_image_gets_the_versions_that_were_tested() -> None:
    tested, shipped = pins(ROOT / "requirements.lock"), pins(ROOT / "service/requirements.lock")
    assert shipped
    assert {name: versions for name, versions in shipped.items() if tested.get(name) != versions} == {}


@pytest.mark.parametrize("lock", ["requirements.lock", "service/requirements.lock"])
def test_a_lock_holds_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)
