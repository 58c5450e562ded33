"""The schema of a database as a pg_dump archive, held in memory and applied by our own session.

Applying it ourselves rather than with ``pg_restore -d`` gives one transaction per step, errors with their
SQLSTATE, and no second client that could outlive a killed one.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from engines.postgres.catalog import FENCE, RECORD_SCHEMA
from engines.postgres.session import (
    LOCKED,
    Address,
    PostgresError,
    Programs,
    environment,
    refusal,
    silence,
    silent,
)

Section = Literal["pre-data", "post-data"]

_ENTRY = re.compile(r"^(\d+); (\d+) (\d+) (.+)$")
_NEEDS = re.compile(r"^;\s+depends on: ([\d ]+)$")
_MARK = "\n--\n-- TOC entry "
_KNOWS_COMPRESSION = 14
_SHELL = "SHELL TYPE "
# It locks tables that a session of ours has locked: see ``settings.READER``.
_LOCK_WAIT = "60s"
# Guards for psql, and a setting that servers before 17 do not know; both stand in lines of their own.
_NOT_SQL = re.compile(r"^\\(?:un)?restrict\b.*\n", re.MULTILINE)
_TOO_NEW = re.compile(r"^SET transaction_timeout = 0;\n", re.MULTILINE)


# Kinds of entries that are distinguished here; longer names first.
_KINDS = (
    "FK CONSTRAINT",
    "CHECK CONSTRAINT",
    "CONSTRAINT",
    "INDEX ATTACH",
    "INDEX",
    "STATISTICS",
    "TABLE ATTACH",
    "TABLE",
)


@dataclass(frozen=True)
class Entry:
    """One step of an archive; ``what`` is such as ``INDEX public compounds_name_idx owner``.

    ``line`` is how a list names it, ``mark`` how a script announces it. ``number`` is its own, ``needs``
    holds those of the entries it builds upon, ``oid`` is the object's on the source (0: it has none).
    """

    line: str
    what: str
    mark: str = ""
    number: int = 0
    oid: int = 0
    needs: tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        """``INDEX`` and the like; empty for kinds that need no care of their own."""
        return next((kind for kind in _KINDS if self.what.startswith(f"{kind} ")), "")

    def is_(self, prefix: str) -> bool:
        """Return whether ``what`` is ``prefix`` followed by the owner."""
        return self.what.startswith(f"{prefix} ")


@dataclass(frozen=True)
class Archive:
    """An archive without rows, in pg_dump's custom format."""

    programs: Programs
    content: bytes

    def entries(self, section: Section) -> list[Entry]:
        """Return the steps of ``section`` in the order in which they work."""
        return [
            replace(entry, needs=self._needs.get(entry.number, ()))
            for entry in _entries(self._restore(f"--section={section}", "--list"))
        ]

    def without(self, numbers: Container[tuple[int, int]]) -> frozenset[str]:
        """Return the lines of the entries about objects of ``numbers`` (those of the source's catalogs).

        What has no number of its own, such as a comment or the filling of a view, goes with any entry that it
        depends on.
        """
        gone: dict[str, str] = {}
        shells: dict[str, str] = {}
        last: tuple[str, str, bool] | None = None
        for line in self._verbose_list:
            entry, needs = _ENTRY.match(line), _NEEDS.match(line)
            if entry:
                number = (int(entry[2]), int(entry[3]))
                last = (entry[1], entry[0], not number[0])
                if entry[4].startswith(_SHELL):
                    shells[entry[4].removeprefix(_SHELL)] = entry[0]
                if number in numbers:
                    gone[entry[1]] = entry[0]
                    # What announces a type depends on nothing.
                    shell = shells.get(entry[4].removeprefix("TYPE "))
                    gone.update({f"{entry[1]} shell": shell} if shell else {})
            elif needs and last and last[2] and not gone.keys().isdisjoint(needs[1].split()):
                gone[last[0]] = last[1]
        return frozenset(gone.values())

    @cached_property
    def _verbose_list(self) -> Sequence[str]:
        return self._restore("--list", "--verbose").decode().splitlines()

    def tables(self) -> dict[int, int]:
        """Return the numbers of the entries that make tables, each with the table's oid on the source."""
        found = _entries(self._restore("--section=pre-data", "--list"))
        return {entry.number: entry.oid for entry in found if entry.kind == "TABLE"}

    @cached_property
    def _needs(self) -> Mapping[int, tuple[int, ...]]:
        found: dict[int, tuple[int, ...]] = {}
        number = 0
        for line in self._verbose_list:
            if match := _ENTRY.match(line):
                number = int(match[1])
            elif match := _NEEDS.match(line):
                found[number] = tuple(int(word) for word in match[1].split())
        return found

    def sql(self, section: Section, entries: Iterable[Entry]) -> str:
        """Return a script for ``entries`` (of ``section``) that any server we support runs as it is."""
        script = self._script(section, entries)
        header, mark, body = script.partition(_MARK)
        return _clean(header) + mark + _without_last_guard(body)

    def steps(self, section: Section, entries: Iterable[Entry]) -> Iterator[tuple[Entry, str]]:
        """Yield each of ``entries`` with a script of its own.

        One script is made of all and cut where it announces the next entry, number by number: starting a
        program for each of many entries takes longer than what they do.
        """
        chosen = list(entries)
        if not chosen:
            return
        script = self._script(section, chosen)
        header, _, _ = script.partition(_MARK)
        starts: list[int] = []
        for entry in chosen:
            starts.append(script.find(f"{_MARK}{entry.mark}\n", starts[-1] if starts else 0))
        if -1 in starts:
            yield from ((entry, self.sql(section, [entry])) for entry in chosen)
            return
        for entry, start, end in zip(chosen, starts, [*starts[1:], len(script)], strict=True):
            yield entry, _clean(header) + _without_last_guard(script[start:end])

    def _script(self, section: Section, entries: Iterable[Entry]) -> str:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", prefix="bmii-migrate-", suffix=".list"
        ) as chosen:
            chosen.writelines(f"{entry.line}\n" for entry in entries)
            chosen.flush()
            return self._restore(
                f"--section={section}",
                f"--use-list={chosen.name}",
                "--file=-",
                "--no-owner",
                "--no-privileges",
                "--no-tablespaces",
                "--verbose",  # announces each entry by its number
            ).decode()

    def _restore(self, *options: str) -> bytes:
        return _run([self.programs.pg_restore, *options], env=None, given=self.content, subject="pg_restore")


def dump(
    programs: Programs,
    address: Address,
    snapshot: str,
    *,
    schemas: Iterable[str],
    excluded: Iterable[tuple[str, str]],
    compressions: bool = True,
) -> Archive:
    """Read the schema of ``address`` as it was in ``snapshot``. ``excluded`` are (schema, relation) pairs.

    Without ``compressions`` columns do not ask for a method of it.
    """
    command = [
        programs.pg_dump,
        "--format=custom",
        "--encoding=UTF8",
        "--compress=0",
        # Not --schema-only: it leaves out the refreshing of materialised views, which comes after the rows.
        "--section=pre-data",
        "--section=post-data",
        "-B",  # no large objects; the long option has had several names
        "--no-owner",
        "--no-privileges",
        "--no-tablespaces",
        "--no-publications",
        "--no-subscriptions",
        "--no-security-labels",
        "--no-password",
        f"--snapshot={snapshot}",
        f"--lock-wait-timeout={_LOCK_WAIT}",
        *(f"--exclude-schema={_pattern(schema)}" for schema in (RECORD_SCHEMA, FENCE)),
        *([] if compressions or programs.major < _KNOWS_COMPRESSION else ["--no-toast-compression"]),
        *(f"--schema={_pattern(schema)}" for schema in schemas),
        *(f"--exclude-table={_pattern(schema)}.{_pattern(name)}" for schema, name in excluded),
    ]
    return Archive(programs, _run(command, env=environment(address), given=None, subject=str(address)))


def _entries(listing: bytes) -> list[Entry]:
    found = (_ENTRY.match(line) for line in listing.decode().splitlines())
    return [
        Entry(
            match[0],
            match[4],
            f"{match[1]} (class {match[2]} OID {match[3]})",
            number=int(match[1]),
            oid=int(match[3]),
        )
        for match in found
        if match
    ]


def _clean(header: str) -> str:
    return _TOO_NEW.sub("", _NOT_SQL.sub("", header + "\n"))


def choose(entries: Iterable[Entry], skip: Callable[[Entry], bool]) -> list[Entry]:
    """Return ``entries`` without those that ``skip`` names."""
    return [entry for entry in entries if not skip(entry)]


def _without_last_guard(body: str) -> str:
    # Only the last line can be a guard here; a line in the middle belongs to a function or a comment.
    head, separator, last = body.rstrip("\n").rpartition("\n")
    return head + separator if last.startswith("\\unrestrict ") else body


def _pattern(name: str) -> str:
    """Return a pattern of pg_dump's that means ``name`` and nothing else."""
    return '"' + name.replace('"', '""') + '"'


def _run(command: list[str], *, env: dict[str, str] | None, given: bytes | None, subject: str) -> bytes:
    name = os.path.basename(command[0])  # noqa: PTH119 - a word for a message
    try:
        with subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as program:
            line = silence.join(subject, cut=program.kill)
            try:
                output, errors = program.communicate(given)
            except BaseException:
                program.kill()
                raise
            finally:
                line.close()
    except OSError as error:
        raise PostgresError(
            f"{name} cannot be started: {error.strerror}",
            subject=subject,
            remedy="Install the PostgreSQL client programs, or run `make setup`.",
        ) from error
    if program.returncode == 0:
        return output
    if ended := silent(subject):
        raise ended
    lines = [line for line in errors.decode(errors="replace").splitlines() if line.strip()]
    said = next((line for line in lines if "error:" in line), lines[-1] if lines else "no reason given")
    if "due to statement timeout" in said:  # its way to wait for locks
        raise refusal(LOCKED, said, subject)
    raise PostgresError(
        f"{name} failed: {said.partition('error:')[2].strip() or said}",
        subject=subject,
        remedy="Check that the user may read every table.",
    )
