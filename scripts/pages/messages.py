"""Every message that a user can meet, as the code has it.

Collected from what the engines and the rehearsal raise (`…Error(what, subject=…, remedy=…)`), from what
preflight finds (`Finding(variable, what, remedy)`), and from what roles refuse with (`fail_msg`). What only a
run knows is an ellipsis.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pages.markdown import plain, table

ROOT = Path(__file__).resolve().parents[2]
# Packages in the order in which a run meets them; what is not here comes after, by name.
ORDER = ["preflight", "ledger", "stack", "secrets", "postgres", "schema", "objects", "images", "ecs", "smoke"]
# Errors that are never shown alone: what becomes of them.
_STOPPED = "The task's stopped reason, as on ECS: correct image or task definition, then deploy again."
OTHERS = {
    "AlteredError": "Let proxies on the way pass bodies as they are, and run the same command.",
    "ChangedError": "It is tried again; leave the object alone while it is copied.",
    "UnverifiedError": "Do as it says, and run the same command.",
    "IntegrityError": "The object is tried again; if it fails again, run the same command.",
    "_StoppedError": "The first of the parts says why.",
    "PullError": _STOPPED,
    "StartError": _STOPPED,
    "SecretError": "The text says it.",
}
# How far a name or a function is followed to the text that it stands for.
DEPTH = 3


class Message(NamedTuple):
    """What is said, and what to do about it."""

    text: str
    remedy: str


class Texts:
    """Finds the text that an expression of one module stands for."""

    def __init__(self, tree: ast.Module) -> None:
        self._values: dict[str, list[ast.expr]] = defaultdict(list)
        for node in ast.walk(tree):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._values[name].append(value)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    self._values[name].append(value)
                case ast.FunctionDef(name=name):
                    returned = (one for one in ast.walk(node) if isinstance(one, ast.Return))
                    self._values[f"{name}()"] += [one.value for one in returned if one.value]

    def of(self, node: ast.expr | None, depth: int = DEPTH) -> str:
        """Return the text of ``node``, with an ellipsis for whatever only a run knows."""
        text = "…"
        match node:
            case None:
                text = ""
            case ast.Constant(value=str(written)):
                text = written
            case ast.JoinedStr(values=parts):
                text = "".join(self.of(part, 0) for part in parts)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                text = self.of(left, depth) + self.of(right, depth)
            case ast.IfExp(body=body, orelse=orelse):
                text = self._any([body, orelse], depth)
            case ast.Name(id=name) if depth:
                text = self._any(self._values[name], depth - 1)
            case ast.Call(func=ast.Name(id=name)) if depth:
                text = self._any(self._values[f"{name}()"], depth - 1)
        return text

    def _any(self, nodes: list[ast.expr], depth: int) -> str:
        texts = dict.fromkeys(self.of(node, depth) for node in nodes)
        return " / ".join(one for one in texts if one.strip("… .")) or "…"


def family(trees: list[ast.Module]) -> set[str]:
    """Return the names of all classes of errors that a user may see."""
    bases = {
        one.name: {base.id for base in one.bases if isinstance(base, ast.Name)}
        for tree in trees
        for one in ast.walk(tree)
        if isinstance(one, ast.ClassDef)
    }
    found = {"EngineError"}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return found


def raised(tree: ast.Module, errors: set[str]) -> Iterator[Message]:
    """Yield the messages of one module."""
    texts = Texts(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[what, *_], keywords=options) if name in errors:
                given = {one.arg: one.value for one in options}
                subject = texts.of(given.get("subject"))
                text = texts.of(what)
                remedy = texts.of(given.get("remedy")) or OTHERS.get(name, "")
                yield Message(f"{subject}: {text}" if subject else text, remedy)
            case ast.Call(func=ast.Name(id="Finding"), args=[variable, what, remedy]):
                yield Message(f"{texts.of(variable)}: {texts.of(what)}", texts.of(remedy))


def refused(folder: Path) -> Iterator[str]:
    """Yield what a role refuses with; its last sentences say what to do."""
    files = [*folder.glob("defaults/main.yml"), *folder.glob("vars/**/*.yml")]
    values = {name: text for file in files for name, text in (_load(file) or {}).items()}
    for file in sorted(folder.glob("tasks/**/*.yml")):
        for text in _refusals(_load(file)):
            only = re.fullmatch(r"\{\{ (\w+) \}\}", text.strip())
            reported = str(values.get(only.group(1), text)) if only else text
            yield re.sub(r"\{\{.*?\}\}", "…", reported, flags=re.DOTALL)


def _refusals(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "fail_msg":
                yield value
            elif key == "ansible.builtin.fail":
                yield value["msg"]
            else:
                yield from _refusals(value)
    elif isinstance(node, list):
        for one in node:
            yield from _refusals(one)


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _place(file: Path) -> str:
    """Return the package that a message is listed under."""
    parts = file.relative_to(ROOT).parts
    inner = parts[0] == "engines" and len(parts) > 2  # noqa: PLR2004 - engines/PACKAGE/FILE
    return f"engines/{parts[1]}" if inner else parts[0]


def collected() -> dict[str, set[Message]]:
    """Return the messages of each package of Python."""
    files = [*sorted(ROOT.glob("engines/**/*.py")), *sorted(ROOT.glob("rehearsal/**/*.py"))]
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}
    errors = family(list(trees.values()))
    found: dict[str, set[Message]] = defaultdict(set)
    for file, tree in trees.items():
        found[_place(file)] |= set(raised(tree, errors))
    return {place: messages for place, messages in found.items() if messages}


def _rank(place: str) -> tuple[bool, int, str]:
    top, _, name = place.partition("/")
    return top != "engines", ORDER.index(name) if name in ORDER else len(ORDER), place


def _cell(text: str) -> str:
    return re.sub(r"…(\W?\s?…)+", "…", plain(text))


def listed() -> str:
    """Return the list as Markdown: a table per package, then what roles refuse with."""
    lines = []
    for place, messages in sorted(collected().items(), key=lambda one: _rank(one[0])):
        rows = {(_cell(one.text), _cell(one.remedy)) for one in messages if one.text.strip("… :.")}
        lines += [f"### `{place}`", "", table(["message", "what to do"], sorted(rows, key=str))]
    lines += ["### Roles", ""]
    for folder in sorted(ROOT.glob("roles/*")):
        lines += [f"- `{folder.name}`: {_cell(one)}" for one in dict.fromkeys(refused(folder))]
    return "\n".join([*lines, ""])
