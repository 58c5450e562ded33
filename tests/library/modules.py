"""Running a module as Ansible does, and holding what it returns against what it documents."""

from __future__ import annotations

import ast
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests import module_process, no_servers

LIBRARY = Path(__file__).parents[2] / "library"

# Ansible's own, which no module documents.
_COMMON = {"changed", "diff", "invocation", "warnings", "deprecations"}
# How `engines.contract.finish` fails, whichever the module.
_FAILURE = {"failed", "msg", "subject", "remedy", "details", "refused", "exception"}
# This runs as a program: a run is known by its process, and what is forked belongs to what it comes from.
_PROGRAMS = {"ledger"}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "dict": dict,
    "list": list,
    "raw": object,
}


def call(
    module: str,
    arguments: Mapping[str, Any],
    *,
    check: bool = False,
    environment: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], str]:
    """Run ``module`` in a process of its own, with diff; return its answer, and all that it printed.

    ``environment`` is added to that of this process. Fails when the answer is not as documented.
    """
    given = {"_ansible_check_mode": check, "_ansible_diff": True, **arguments}
    # Even the process from which others are forked listens, if only to us.
    run = _run if no_servers.are_forbidden() or module in _PROGRAMS else _fork
    printed, complained = run(module, given, {**os.environ, **(environment or {})})
    assert printed, complained
    answer = json.loads(printed)
    wrong = list(undocumented(module, answer))
    assert not wrong, wrong
    return answer, printed + complained


def _run(module: str, arguments: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, str(LIBRARY / f"{module}.py")],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    return done.stdout, done.stderr


def _fork(module: str, arguments: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder) / "output", Path(folder) / "errors"
        process = module_process.start(module, arguments, environment, output, errors)
        process.join()
        process.close()
        return output.read_text(encoding="utf-8"), errors.read_text(encoding="utf-8")


def undocumented(module: str, answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield where ``answer`` is not what ``module`` documents in RETURN."""
    known = _documented(module)
    if answer.get("failed"):
        yield from _keys(module, set(answer) - _COMMON - _FAILURE, known)
        return
    yield from _keys(module, set(answer) - _COMMON, known)
    for name, what in known.items():
        if name in answer:
            yield from _value(f"{module}.{name}", answer[name], what)
        elif what["returned"] in {"always", "success"}:
            yield f"{module}.{name} is documented to be returned always, and is not"


def _keys(at: str, found: set[str], known: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{at}.{name} is returned, and not documented" for name in sorted(found - set(known)))


def _value(at: str, value: Any, what: Mapping[str, Any]) -> Iterator[str]:
    kind = what["type"]
    if not isinstance(value, _TYPES[kind]) or (kind in {"int", "float"} and isinstance(value, bool)):
        yield f"{at} is documented as {kind}, and is {value!r}"
        return
    if kind == "list" and "elements" not in what:
        yield f"{at} is documented as a list of nothing: give its elements"
        return
    contains, items = what.get("contains"), value if kind == "list" else [value]
    for item in items:
        if kind == "list" and not isinstance(item, _TYPES[what["elements"]]):
            yield f"{at} is documented to hold {what['elements']}, and holds {item!r}"
        elif contains and item:  # what there is not is empty
            yield from _keys(at, set(item), contains)
            for name, inner in contains.items():
                if name in item:
                    yield from _value(f"{at}.{name}", item[name], inner)
                elif inner.get("returned", "always") in {"always", "success"}:
                    yield f"{at}.{name} is documented, and not returned"


@functools.cache
def _documented(module: str) -> dict[str, Any]:
    """Return RETURN of ``module``, read without importing it."""
    tree = ast.parse((LIBRARY / f"{module}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RETURN":
            return dict(yaml.safe_load(ast.literal_eval(node.value)) or {})
    raise AssertionError(f"{module} documents nothing that it returns")
