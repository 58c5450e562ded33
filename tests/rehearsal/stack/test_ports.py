"""A second clone's rehearsal takes ports of its own, once, and says why."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from rehearsal.process import Holder
from rehearsal.stack import Ports
from rehearsal.stack.ports import INVENTORY, choose

FREE = Ports(*range(20_010, 20_019))
OTHER = Holder(7, "postgres", Path("/clone/.rehearsal"))


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    (tmp_path / "main.yml").write_text((INVENTORY / "main.yml").read_text("utf-8"), encoding="utf-8")
    return tmp_path


def chosen(inventory: Path, *held: int) -> str:
    return choose(inventory, lambda: FREE, lambda port: port in held, lambda _: OTHER)


def test_the_usual_ports_are_kept_while_they_are_free(inventory: Path) -> None:
    assert chosen(inventory) == ""
    assert [path.name for path in inventory.iterdir()] == ["main.yml"]


def test_where_one_is_taken_all_are_others_and_it_is_said_once(inventory: Path) -> None:
    said = chosen(inventory, 14566)
    assert "Port 14566 is used by postgres (process 7, of the rehearsal in /clone/.rehearsal)" in said
    assert "20010 to 20018" in said
    written = yaml.safe_load((inventory / "ports.yml").read_text(encoding="utf-8"))
    assert written == {"local_stack_ports": vars(FREE)}
    # They stay, whatever is taken meanwhile: the clone's own rehearsal holds them.
    assert chosen(inventory, 14566, 20_010) == ""
    assert yaml.safe_load((inventory / "ports.yml").read_text(encoding="utf-8")) == written
    assert sorted(path.name for path in inventory.iterdir()) == ["main.yml", "ports.yml"]


def test_a_rehearsal_of_its_own_that_is_elsewhere_keeps_its_ports(inventory: Path) -> None:
    main = inventory / "main.yml"
    values = yaml.safe_load(main.read_text("utf-8")) | {"local_stack_dir": "/elsewhere/stack"}
    main.write_text(yaml.safe_dump(values), encoding="utf-8")
    own = Holder(7, "postgres", Path("/elsewhere/stack"))
    assert choose(inventory, lambda: FREE, lambda _: True, lambda _: own) == ""
    assert [path.name for path in inventory.iterdir()] == ["main.yml"]


def test_the_file_names_every_port_and_is_no_part_of_the_tree() -> None:
    usual = yaml.safe_load((INVENTORY / "main.yml").read_text(encoding="utf-8"))["local_stack_ports"]
    assert usual.keys() == vars(FREE).keys()
    ignored = subprocess.run(
        ["git", "check-ignore", "-q", str(INVENTORY / "ports.yml")], cwd=INVENTORY, check=False
    )
    assert ignored.returncode == 0
