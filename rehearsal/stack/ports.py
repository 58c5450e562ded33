"""Ports for the rehearsal of a clone, where the usual ones are taken.

``python -m rehearsal.stack.ports`` writes them to the inventory as the clone's own, so that every playbook
of it finds the same rehearsal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import yaml

from rehearsal.process import Holder, holder, in_use
from rehearsal.stack.config import Ports, free_stack_ports

_ROOT = Path(__file__).parents[2]
INVENTORY = _ROOT / "inventories/local/group_vars/all"
_NOTE = "# Chosen since the usual ports were taken; without this file those of main.yml count.\n"


def choose(
    folder: Path = INVENTORY,
    free: Callable[[], Ports] = free_stack_ports,
    taken: Callable[[int], bool] = in_use,
    who: Callable[[int], Holder | None] = holder,
) -> str:
    """Write free ports to the inventory ``folder`` if a usual one is taken; return what to say of it."""
    file = folder / "ports.yml"
    values = yaml.safe_load((folder / "main.yml").read_text(encoding="utf-8"))
    held = next((port for port in values["local_stack_ports"].values() if taken(port)), None)
    if file.exists() or held is None:
        return ""
    whose = who(held)
    # The clone's own rehearsal, which may be elsewhere than in the clone.
    if whose and whose.folder == Path(values["local_stack_dir"].replace("{{ platform_root }}", str(_ROOT))):
        return ""
    chosen = asdict(free())
    text = _NOTE + yaml.safe_dump({"local_stack_ports": chosen}, sort_keys=False)
    # Whole or not at all: a playbook may read it at this moment.
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
    return (
        f"Port {held} is used by {whose or 'another program'}, so this clone's rehearsal takes"
        f" {min(chosen.values())} to {max(chosen.values())}: {os.path.relpath(file)}"
        " (delete it for the usual ones)."
    )


if __name__ == "__main__":
    if said := choose():
        sys.stderr.write(f"{said}\n")
