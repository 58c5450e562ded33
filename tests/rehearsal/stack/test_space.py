"""A disk without room is refused before anything is begun. Only root can make one: its sizes are made up."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest

from rehearsal import stack
from rehearsal.errors import RehearsalError
from rehearsal.stack import space

Usage = namedtuple("Usage", "total used free")
MIB = 1 << 20
TOTAL = 200_000 * MIB


@pytest.fixture
def disk(monkeypatch):
    """Return a function that sets how many MiB are free, and returns the folders that were looked at."""

    def having(free):
        asked = []
        monkeypatch.setattr(
            shutil, "disk_usage", lambda folder: asked.append(folder) or Usage(TOTAL, 0, free * MIB)
        )
        return asked

    return having


@pytest.mark.parametrize(("filled", "enough"), [(False, 2000 + 1536), (True, 2000 + 128)])
def test_one_percent_of_the_disk_and_what_is_written_must_be_free(disk, tmp_path, filled, enough):
    asked = disk(enough)
    space.require_space(tmp_path / "not" / "yet", filled=filled)
    assert asked == [tmp_path]
    disk(enough - 1)
    with pytest.raises(RehearsalError) as caught:
        space.require_space(tmp_path / "not" / "yet", filled=filled)
    said = str(caught.value)
    assert (
        f"local_stack_dir: the disk of {tmp_path}/not/yet has {enough - 1} MiB free, and {enough} MiB are"
        in said
    )
    assert "less than 1 % free" in said
    assert caught.value.details == {"free": (enough - 1) * MIB, "needed": enough * MIB}


def test_a_plan_and_a_start_refuse_it_and_make_nothing(disk, tmp_path):
    disk(3000)
    config = stack.StackConfig(tmp_path / "stack", stack.free_stack_ports())
    for act in (stack.up, lambda one: stack.plan(one, "up")):
        with pytest.raises(RehearsalError, match="MiB are needed"):
            act(config)
    assert list(tmp_path.iterdir()) == []
    assert not config.runtime.exists()


def test_a_stack_that_goes_needs_no_room(disk, tmp_path):
    disk(0)
    config = stack.StackConfig(tmp_path / "stack", stack.free_stack_ports())
    assert not stack.down(config).changed
