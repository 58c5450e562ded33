"""Every module of the engines has tests under the mirrored path, or a line says which test covers it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
COVERED: Mapping[str, str] = yaml.safe_load((ROOT / "tests/covered.yml").read_text(encoding="utf-8"))


def _does_something(path: Path) -> bool:
    """Return whether anything runs in the module; types alone are used by the tests of what uses them."""
    if path.name in {"__init__.py", "__main__.py"}:
        return False
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) for node in ast.walk(tree))


def _mirrored(module: str) -> Path:
    path = Path(module)
    return ROOT / "tests/engines" / path.parent / f"test_{path.name}"


MODULES = sorted(
    str(path.relative_to(ROOT / "engines"))
    for path in (ROOT / "engines").rglob("*.py")
    if _does_something(path)
)


@functools.cache
def _imports(path: Path) -> set[Path]:
    """Return the files of engines/ and library/ that a file imports or, as a test of modules, runs."""
    found = set[Path]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in {"engines", "tests"}:
            names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
        elif isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.Constant) and str(node.value).isidentifier():
            names = [f"library.{node.value}"]
        else:
            continue
        for name in names:
            base = ROOT / str(name).replace(".", "/")
            found |= {base.with_suffix(".py"), *(each / "__init__.py" for each in (base, base.parent))}
    return {one for one in found if one.is_file()}


def _reached(test: Path) -> set[Path]:
    reached, waiting = set[Path](), [test]
    while waiting:
        for path in _imports(waiting.pop()) - reached:
            reached.add(path)
            waiting.append(path)
    return reached


def test_a_module_has_tests_or_a_line() -> None:
    missing = [one for one in MODULES if not _mirrored(one).is_file() and one not in COVERED]
    assert missing == [], "write tests under the mirrored path, or name the ones that cover it in covered.yml"


def test_a_line_is_needed_and_names_a_test_that_reaches_the_module() -> None:
    for module, test in COVERED.items():
        assert module in MODULES, f"{module} is not there, or has nothing to be tested"
        assert not _mirrored(module).is_file(), f"{module} has tests of its own: its line goes"
        path = ROOT / "tests" / test
        assert path.is_file(), f"{test}, which is to cover {module}, is not there"
        assert ROOT / "engines" / module in _reached(path), f"{test} does not reach {module}"
