"""The rooms of the tree hold, and the checker that says so sees each way of breaking them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.rooms import MOST_FILES, Tree, faults

ROOT = Path(__file__).parents[1]
ORDER = yaml.safe_load((ROOT / "tests/rooms.yml").read_text(encoding="utf-8"))
READ = ("engines", "rehearsal", "library", "plugins", "roles", "playbooks", "inventories", "bench", "scripts")

FACE = '"""What it is."""\n'
SMALL_ORDER = {"engines": ["errors", "low", "high"]}
SMALL: Tree = {
    "engines/__init__.py": FACE,
    "engines/errors.py": "",
    "engines/low/__init__.py": f"{FACE}from engines.low.model import Thing\n__all__ = ['Thing']\n",
    "engines/low/model.py": "from engines.errors import EngineError\nclass Thing: ...\nclass Other: ...\n",
    "engines/high/__init__.py": f"{FACE}from engines.high.apply import act\n__all__ = ['act']\n",
    "engines/high/apply.py": "from engines.low import Thing\ndef act(): ...\n",
    "library/act.py": "from engines import high\nfrom engines.high import act\n",
    "rehearsal/__init__.py": FACE,
    "roles/deploy/tasks/main.yml": "- name: Act\n  act:\n",
}


def with_(path: str, text: str) -> Tree:
    """Return the small tree with a file added or replaced."""
    return {**SMALL, path: text}


def test_the_tree_keeps_the_rules() -> None:
    tree = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for top in READ
        for path in (ROOT / top).rglob("*")
        if path.suffix in {".py", ".yml"} and path.is_file() and not path.is_symlink()
    }
    assert len(tree) > 400, "the tree was not read"
    assert "\n".join(faults(tree, ORDER)) == ""


def test_a_tree_that_keeps_the_rules_passes() -> None:
    assert faults(SMALL, SMALL_ORDER) == []


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        (
            with_("engines/high/other.py", "from engines.low.model import Other\n"),
            "engines/high/other.py:1: engines.low.model.Other is behind the face of engines/low",
        ),
        (
            with_("engines/high/other.py", "from engines.low import Other\n"),
            "engines/high/other.py:1: engines.low.Other is behind the face of engines/low",
        ),
        (
            with_("library/other.py", "import engines.low.model\n"),
            "library/other.py:1: engines.low.model is behind the face of engines/low",
        ),
        (
            with_("roles/deploy/filter_plugins/f.py", "from engines.high.apply import act\n"),
            "engines.high.apply.act is behind the face of engines/high",
        ),
        (
            with_("engines/low/other.py", "def f():\n    from engines.high import act\n"),
            "engines/low/other.py:2: engines.high.act is upward: in engines/, high comes after low",
        ),
        (
            with_("engines/errors.py", "import engines.low\n"),
            "engines/errors.py:1: engines.low is upward: in engines/, low comes after errors",
        ),
        (
            {
                **SMALL,
                "engines/low/a.py": "from engines.low import b\n",
                "engines/low/b.py": "if TYPE_CHECKING:\n    from . import a\n",
            },
            "engines/low/ has a circle of imports: a -> b -> a",
        ),
        (
            with_("engines/low/a.py", "from engines.low import Thing\n"),
            "engines/low/ has a circle of imports: __init__ -> a -> __init__",
        ),
        (with_("engines/stray.py", "x = 1\n"), "engines/stray is outside every room"),
        (with_("engines/new/__init__.py", f"{FACE}__all__ = []\n"), "engines/new is outside every room"),
        (
            with_("engines/low/room/__init__.py", f"{FACE}__all__ = []\n"),
            "engines/low/ has rooms, but no order among them",
        ),
        (
            {path: text for path, text in SMALL.items() if path != "engines/errors.py"},
            "engines/errors is listed in the order, but not there",
        ),
        (
            with_("engines/low/a.py", "from ansible.errors import AnsibleError\n"),
            "engines/low/a.py:1: ansible.errors.AnsibleError is nothing that an engine may know",
        ),
        (with_("engines/low/a.py", "import library.act\n"), "library.act is nothing that an engine may know"),
        (with_("engines/low/a.py", "import rehearsal\n"), "rehearsal is nothing that an engine may know"),
        (
            with_("library/other.py", "from rehearsal import stack\n"),
            "library/other.py:1: rehearsal.stack: only the local inventory and tests use the rehearsal",
        ),
        (
            with_("roles/deploy/filter_plugins/f.py", "import rehearsal\n"),
            "rehearsal: only the local inventory and tests use the rehearsal",
        ),
        (
            with_("roles/deploy/tasks/up.yml", "- name: Start\n  local_stack:\n    state: up\n"),
            "roles/deploy/tasks/up.yml starts the rehearsal, which production never does",
        ),
        (
            with_("inventories/production/group_vars/all/x.yml", "x: python -m rehearsal.stack\n"),
            "starts the rehearsal, which production never does",
        ),
        (
            {**SMALL, **{f"engines/low/f{number}.py": "" for number in range(MOST_FILES)}},
            f"engines/low/ has {MOST_FILES + 2} Python files, more than {MOST_FILES}",
        ),
        (with_("engines/low/room/model.py", ""), "engines/low/room/__init__.py does not say"),
        (with_("engines/low/__init__.py", FACE), "engines/low/__init__.py has no __all__"),
    ],
)
def test_each_way_of_breaking_a_rule_is_seen(tree: Tree, says: str) -> None:
    found = faults(tree, SMALL_ORDER)
    assert any(says in fault for fault in found), found


def test_tests_may_look_inside() -> None:
    assert faults(with_("tests/engines/low/test_model.py", "import engines.low.model\n"), SMALL_ORDER) == []
