"""The module through Ansible's way of calling one: a page, and a file in check mode too."""

from __future__ import annotations

import json

from tests.library import modules

DEPLOY = {
    "service": "bmii", "actions": ["create service bmii"], "cpu": 1024, "memory": 2048, "tasks": 1,
    "platform": "linux/amd64",
}  # fmt: skip


def test_the_plan_is_shown_and_kept(tmp_path):
    kept = tmp_path / "plan.json"
    arguments = {
        "phases": {"provision": {}, "deploy": DEPLOY},
        "environment": "production",
        "account_id": "123456789012",
        "region": "eu-central-1",
        "dest": str(kept),
    }
    answer, _ = modules.call("migration_plan", arguments, check=True)
    assert answer["changed"] is False
    assert answer["lines"][0].startswith(
        "A run in production (account 123456789012, eu-central-1) would bring"
    )
    assert json.loads(kept.read_text(encoding="utf-8")) == answer["plan"]
