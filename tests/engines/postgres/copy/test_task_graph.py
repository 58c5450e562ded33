"""The steps of a copy and their order, from literal archives."""

from __future__ import annotations

from engines.postgres.catalog.chunks import Chunk
from engines.postgres.catalog.dependencies import Dependencies, Index
from engines.postgres.catalog.relations import Column, Table
from engines.postgres.copy.dump_archive import Entry
from engines.postgres.copy.scheduler import Scheduler
from engines.postgres.copy.task_graph import SMALL as FEW
from engines.postgres.copy.task_graph import Analyze, CopyRows, GraphInputs, RunScripts, build
from engines.postgres.plan.clone_plan import TablePlan

SMALL = Table("s", "small", (Column("id"),), bytes=10 * FEW)
LARGE = Table("s", "large", (Column("id"),), bytes=100 * FEW)
WHOLE = Chunk(0, 0, None, 10 * FEW)
TWO = (Chunk(0, 0, 5, 50 * FEW), Chunk(1, 5, None, 50 * FEW))
ADDED = "ADD CONSTRAINT k PRIMARY KEY (id);"
KEY = Index(20, "s.k", "CREATE UNIQUE INDEX k ON s.small (id)", ADDED, "ADD CONSTRAINT k USING INDEX k;")


def entry(number, what, *needs):
    return Entry("", f"{what} owner", number=number, oid=number, needs=needs)


ENTRIES = [
    (entry(10, "CONSTRAINT s small k", 1), f"ALTER TABLE ONLY s.small {ADDED}"),
    (entry(11, "INDEX s i", 2), "CREATE INDEX i ON s.large (id);"),
    (entry(12, "FK CONSTRAINT s large f", 1, 2, 10), "ADD f"),
    (entry(13, "TRIGGER s large t", 2), "CREATE TRIGGER"),
]


def inputs(**changes):
    given = {
        "tables": [TablePlan(SMALL, "copy", (WHOLE,)), TablePlan(LARGE, "copy", TWO)],
        "entries": ENTRIES,
        "numbers": {1: SMALL.key, 2: LARGE.key},
        "dependencies": Dependencies(
            indexes={10: KEY, 11: Index(30, "s.i")}, foreign_keys={12: (LARGE.key, SMALL.key)}
        ),
        "analyze": frozenset({SMALL.key, LARGE.key}),
    }
    return GraphInputs(**(given | changes))


def order(steps):
    """Return what the steps do, one at a time."""
    schedule, found = Scheduler(steps), []
    while (one := schedule.take()) is not None:
        schedule.finish(one)
        work = one.work
        if isinstance(work, CopyRows):
            found += [f"{part.table.name} {part.chunk.number}" for part in work.parts]
        elif isinstance(work, RunScripts):
            found += [script.what.removesuffix(" owner") for script in work.scripts]
        elif isinstance(work, Analyze):
            found += [f"statistics {name}" for _, name in work.tables]
    assert schedule.finished
    return found


def scripts(steps):
    return [one for one in steps if isinstance(one.work, RunScripts)]


def test_referenced_rows_then_their_key_then_the_foreign_key_then_the_rows_that_refer():
    steps, rest = build(inputs())
    found = order(steps)
    assert found[:6] == [
        "small 0",
        "INDEX of CONSTRAINT s small k",
        "CONSTRAINT s small k",
        "FK CONSTRAINT s large f",
        "large 0",
        "large 1",
    ]
    assert set(found[6:]) == {"INDEX s i", "statistics large", "statistics small"}
    assert found.index("INDEX s i") < found.index("statistics large")
    assert [one.what for one, _ in rest] == ["TRIGGER s large t owner"]


def test_a_key_is_built_as_an_index_first_and_noted_as_half():
    works = [script for one in scripts(build(inputs())[0]) for script in one.work.scripts]
    made, adopted = (one for one in works if "small k" in one.what)
    assert made.script == "CREATE UNIQUE INDEX k ON s.small (id);"
    assert adopted.script == "ALTER TABLE ONLY s.small ADD CONSTRAINT k USING INDEX k;"
    assert made.begins == adopted.completes == ("index", "s.k")


def test_foreign_keys_come_last_where_triggers_cannot_be_switched_off():
    found = order(build(inputs(early_keys=False))[0])
    assert found.index("large 1") < found.index("FK CONSTRAINT s large f")


def test_foreign_key_of_a_table_with_rows_comes_after_what_it_refers_to():
    found = order(build(inputs(tables=[TablePlan(SMALL, "copy", (WHOLE,))]))[0])
    assert found.index("small 0") < found.index("FK CONSTRAINT s large f")


def test_tables_that_refer_to_each_other_or_themselves_have_one_key_checked_afterwards():
    entries = [
        *ENTRIES[:2],
        ENTRIES[2],
        (entry(14, "CONSTRAINT s large p", 2), "unlike"),
        (entry(15, "FK CONSTRAINT s small back", 1, 2, 14), "ADD back"),
        (entry(16, "FK CONSTRAINT s large self", 2, 14), "ADD self"),
    ]
    keys = {12: (LARGE.key, SMALL.key), 15: (SMALL.key, LARGE.key), 16: (LARGE.key, LARGE.key)}
    found = order(build(inputs(entries=entries, dependencies=Dependencies(foreign_keys=keys)))[0])
    # The larger table gains more from having its key before its rows.
    assert found.index("FK CONSTRAINT s large f") < found.index("large 0")
    assert found.index("FK CONSTRAINT s small back") > found.index("small 0")
    assert found.index("FK CONSTRAINT s large self") > found.index("large 1")


def test_a_key_of_partitions_takes_the_locks_of_all_of_them():
    root = ("s", "root")
    dependencies = Dependencies(
        leaves={root: (LARGE.key,)}, roots=frozenset({root}), foreign_keys={12: (root, SMALL.key)}
    )
    steps, _ = build(
        inputs(dependencies=dependencies, numbers={1: SMALL.key, 2: root}, analyze=frozenset({root}))
    )
    (key,) = [one for one in scripts(steps) if "FK" in one.work.scripts[0].what]
    assert set(key.locks) == {root, LARGE.key, SMALL.key}
    found = order(steps)
    assert found.index("FK CONSTRAINT s large f") < found.index("large 0")
    assert found.index("large 1") < found.index("statistics root")


def test_an_entry_that_needs_what_is_left_for_later_is_left_as_well():
    entries = [(entry(20, "RULE s large r", 2), ""), (entry(21, "INDEX s on_rule", 20), "")]
    steps, rest = build(inputs(entries=entries))
    assert [one.number for one, _ in rest] == [20, 21]
    assert not scripts(steps)


def test_an_index_that_changes_its_table_has_it_to_itself():
    script = "CREATE INDEX i ON s.large (id);\nALTER TABLE s.large CLUSTER ON i;"
    steps, _ = build(inputs(entries=[(ENTRIES[1][0], script)]))
    (index,) = scripts(steps)
    assert index.locks == {LARGE.key: "own"}


def test_indexes_of_one_tree_are_attached_one_after_the_other():
    root, middle = ("s", "root"), ("s", "middle")
    leaves = {root: (SMALL.key, LARGE.key), middle: (LARGE.key,)}
    dependencies = Dependencies(leaves=leaves, roots=frozenset({root}))
    entries = [(entry(20, "INDEX ATTACH s a", 1, 3), ""), (entry(21, "INDEX ATTACH s b", 2, 4), "")]
    numbers = {1: SMALL.key, 2: LARGE.key, 3: root, 4: middle}
    steps, _ = build(inputs(entries=entries, numbers=numbers, dependencies=dependencies))
    works = scripts(steps)
    assert [one.locks[root] for one in works] == ["own", "own"]


def test_an_index_that_rows_name_is_built_before_them():
    """The small table's rows name its own key, which another refers to, and an index of the large one."""
    steps, _ = build(inputs(named=frozenset({10, 11}), naming=frozenset({SMALL.key})))
    found = order(steps)
    first = found.index("small 0")
    assert {"INDEX of CONSTRAINT s small k", "CONSTRAINT s small k", "INDEX s i"} <= set(found[:first])
    assert found.index("FK CONSTRAINT s large f") < found.index("large 0")


def test_keys_of_small_tables_are_made_at_once_and_after_the_rows():
    small, other = (Table("s", name, (Column("id"),), bytes=10) for name in ("small", "large"))
    tables = [TablePlan(one, "copy", (Chunk(0, 0, None, 10),)) for one in (small, other)]
    found = order(build(inputs(tables=tables))[0])
    assert "INDEX of CONSTRAINT s small k" not in found
    assert found.index("large 0") < found.index("FK CONSTRAINT s large f")
