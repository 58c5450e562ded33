"""The rules of the rooms, checked by reading imports. Pure: a tree is a mapping from path to source text.

A *room* is a folder of a package; its face is what ``__init__.py`` lists in ``__all__``. See
docs/decisions/0013-rooms-and-their-order.md.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

MOST_FILES = 14
ROOTS = ("engines", "rehearsal")
# What may import the rehearsal: itself, tests and benchmarks, and the one module that starts it.
_MAY_REHEARSE = ("rehearsal/", "tests/", "bench/", "molecule/", "scripts/", "library/local_stack.py")
_FOREIGN_TO_ENGINES = ("ansible", "library", "plugins", "rehearsal", "bench", "tests")
_STARTS_REHEARSAL = re.compile(r"-m rehearsal\b|^\s*(?:- )?local_stack:", re.MULTILINE)

Tree = Mapping[str, str]
Order = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Import:
    """One imported module or name: ``module`` is dotted, ``name`` is empty for ``import module``."""

    path: str
    line: int
    module: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.module}{f'.{self.name}' if self.name else ''}"


def faults(tree: Tree, order: Order) -> list[str]:
    """Return everything in ``tree`` that breaks a rule, each with file and line."""
    python = {path: ast.parse(text) for path, text in tree.items() if path.endswith(".py")}
    imports = [one for path, module in python.items() for one in _imports(path, module)]
    return [
        *_crowded(python),
        *_faceless(python),
        *_unlisted(python, order),
        *_behind_faces(python, imports),
        *_foreign(imports),
        *_rehearsing(tree, imports),
        *_upward(python, imports, order),
        *_circles(python, imports),
    ]


def _imports(path: str, module: ast.Module) -> Iterator[Import]:
    package = path.split("/")[:-1]
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (Import(path, node.lineno, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (Import(path, node.lineno, origin, one.name) for one in node.names)


def _crowded(python: Mapping[str, ast.Module]) -> Iterator[str]:
    for folder in _packages(python):
        files = [path for path in python if str(PurePosixPath(path).parent) == folder]
        if len(files) > MOST_FILES:
            yield f"{folder}/ has {len(files)} Python files, more than {MOST_FILES}: give it rooms"


def _faceless(python: Mapping[str, ast.Module]) -> Iterator[str]:
    for folder in _packages(python):
        face = python.get(f"{folder}/__init__.py")
        if face is None or not ast.get_docstring(face):
            yield f"{folder}/__init__.py does not say in a docstring what the room is"
        elif folder not in ROOTS and _exports(face) is None:
            yield f"{folder}/__init__.py has no __all__: what is its face?"


def _unlisted(python: Mapping[str, ast.Module], order: Order) -> Iterator[str]:
    """Yield files outside every room, and rooms that are gone. A package with rooms has an order."""
    for folder in _packages(python):
        children = _children(python, folder)
        has_rooms = any(f"{folder}/{name}/__init__.py" in python for name in children)
        if has_rooms and folder not in order:
            yield f"{folder}/ has rooms, but no order among them"
        elif folder in order:
            yield from (
                f"{folder}/{name} is outside every room: put it into one, or list it in the order"
                for name in sorted(children - set(order[folder]))
            )
            yield from (
                f"{folder}/{name} is listed in the order, but not there"
                for name in order[folder]
                if name not in children
            )


def _behind_faces(python: Mapping[str, ast.Module], imports: Sequence[Import]) -> Iterator[str]:
    """Yield imports of what a package, or a room of it, does not export to those outside it.

    Tests mirror the tree, and may look inside.
    """
    for one in imports:
        if one.path.startswith("tests/") or one.module.split(".")[0] not in ROOTS:
            continue
        folder, missing = _through(python, one)
        if missing and not one.path.startswith(f"{folder}/"):
            yield f"{one} is behind the face of {folder}"


def _through(python: Mapping[str, ast.Module], one: Import) -> tuple[str, bool]:
    """Return the innermost package on the way, and whether its face lacks what is imported."""
    steps = [*one.module.split("."), *([one.name] if one.name else [])]
    folder = steps[0]
    for step in steps[1:]:
        inner = f"{folder}/{step}"
        if f"{inner}/__init__.py" in python:
            folder = inner
            continue
        exported = _exports(python[f"{folder}/__init__.py"])
        # The files of a root are for everyone: engines.errors, engines.aws and so on.
        is_open = exported is None or folder in ROOTS
        return folder, not is_open and step not in exported
    return folder, False


def _foreign(imports: Sequence[Import]) -> Iterator[str]:
    for one in imports:
        if one.path.startswith("engines/") and one.module.split(".")[0] in _FOREIGN_TO_ENGINES:
            yield f"{one} is nothing that an engine may know"


def _rehearsing(tree: Tree, imports: Sequence[Import]) -> Iterator[str]:
    for one in imports:
        if one.module.split(".")[0] == "rehearsal" and not one.path.startswith((*_MAY_REHEARSE, "engines/")):
            yield f"{one}: only the local inventory and tests use the rehearsal"
    for path, text in tree.items():
        is_production = path.startswith(("roles/", "inventories/production/"))
        if is_production and not path.startswith("roles/local_stack/") and _STARTS_REHEARSAL.search(text):
            yield f"{path} starts the rehearsal, which production never does"


def _upward(python: Mapping[str, ast.Module], imports: Sequence[Import], order: Order) -> Iterator[str]:
    for folder, children in order.items():
        rank = {name: number for number, name in enumerate(children)}
        for one, source, target in _edges(python, imports, folder):
            if rank.get(target, -1) > rank.get(source, len(rank)):
                yield f"{one} is upward: in {folder}/, {target} comes after {source}"


def _circles(python: Mapping[str, ast.Module], imports: Sequence[Import]) -> Iterator[str]:
    for folder in _packages(python):
        graph: dict[str, set[str]] = {}
        for _, source, target in _edges(python, imports, folder):
            graph.setdefault(source, set()).add(target)
        circle = _circle(graph)
        if circle:
            yield f"{folder}/ has a circle of imports: {' -> '.join(circle)}"


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the names along one circle, the first one again at the end; empty when there is none."""
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        for following in sorted(graph.get(name, ())):
            if found := visit(following, [*trail, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := visit(name, []))), [])


def _edges(
    python: Mapping[str, ast.Module], imports: Sequence[Import], folder: str
) -> Iterator[tuple[Import, str, str]]:
    """Yield the imports between two children of ``folder``, with the names of both."""
    children = _children(python, folder)
    depth = folder.count("/") + 1
    for one in imports:
        if not one.path.startswith(f"{folder}/"):
            continue
        source = one.path.split("/")[depth].removesuffix(".py")
        steps = [*one.module.split("."), *([one.name] if one.name else [])]
        if "/".join(steps[:depth]) != folder or len(steps) == depth:
            continue
        target = steps[depth]
        # What is no child is a name of the folder's own face, which imports whoever imports it: a circle.
        if source in {"__init__", "__main__"} or (target not in children and folder in ROOTS):
            continue
        target = target if target in children else "__init__"
        if target == "__init__":
            yield one, source, target
            yield one, target, source
        elif source != target:
            yield one, source, target


def _children(python: Mapping[str, ast.Module], folder: str) -> set[str]:
    """Return the names of the files and rooms directly in ``folder``, but for its face and its program."""
    inside = [path.removeprefix(f"{folder}/") for path in python if path.startswith(f"{folder}/")]
    return {path.split("/")[0].removesuffix(".py") for path in inside} - {"__init__", "__main__"}


def _packages(python: Mapping[str, ast.Module]) -> list[str]:
    folders = {str(PurePosixPath(path).parent) for path in python if path.split("/")[0] in ROOTS}
    return sorted(folders)


def _exports(face: ast.Module) -> set[str] | None:
    for node in face.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return set(ast.literal_eval(node.value))
    return None
