"""The plan of parameters: wanted and stored state to actions. Pure, apart from the generator argument."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from secrets import choice
from urllib.parse import quote

from engines.secrets.errors import SecretError
from engines.secrets.model import Action, Stored, Wanted

MINIMUM_LENGTH = 16
# RDS takes no "/", "@", quotes or blanks in a password, and letters need no quoting anywhere else either.
_ALPHABET = string.ascii_letters + string.digits
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_./-]+)(\|url)?\}")


def generated(length: int) -> str:
    """Return ``length`` random letters and digits, 5.95 bits of entropy each."""
    return "".join(choice(_ALPHABET) for _ in range(length))


def absolute(name: str, path: str) -> str:
    """Return the full name of ``name``, which is below ``path`` unless it is a full name itself."""
    return name if name.startswith("/") else f"{path.rstrip('/')}/{name}"


def references(wanted: Wanted, path: str) -> list[str]:
    """Return the full names of the parameters that ``wanted`` is composed of."""
    names = _PLACEHOLDER.findall(wanted.compose or "")
    return [absolute(name, path) for name, _ in names]


def check(wanted: Sequence[Wanted], path: str) -> None:
    """Raise ``SecretError`` for the first request that cannot be met whatever Parameter Store holds."""
    seen: set[str] = set()
    for one in wanted:
        given = [way for way in (one.value, one.generate, one.compose) if way is not None]
        if len(given) > 1:
            raise _wrong(one, "has more than one of value, generate and compose", "Keep one.")
        if one.name in seen:
            raise _wrong(one, "is listed twice", "Remove one of the two.")
        if one.generate is not None and one.generate < MINIMUM_LENGTH:
            raise _wrong(one, "would be too short", f"Generate at least {MINIMUM_LENGTH} characters.")
        if one.compose is not None and re.search(r"[{}]", _PLACEHOLDER.sub("", one.compose)):
            raise _wrong(one, "has a brace that is not a placeholder", "Write {name} or {name|url}.")
        seen.add(one.name)
    _refuse_circles({one.name: references(one, path) for one in wanted})


def plan(
    wanted: Sequence[Wanted],
    stored: Mapping[str, Stored],
    *,
    path: str = "",
    predict: bool = False,
    generate: Callable[[int], str] = generated,
) -> list[Action]:
    """Return one action per wanted parameter, in an order in which each can be composed.

    ``stored`` holds what exists among the wanted parameters and those they refer to. With ``predict`` a
    parameter that is referred to may be missing, because a real run would have made it by now: what is
    composed of it is then an action without a value. Raises ``SecretError``.
    """
    check(wanted, path)
    known: dict[str, str | None] = {name: parameter.value for name, parameter in stored.items()}
    actions: dict[str, Action] = {}
    for one in _in_order(wanted, path):
        value = _value(one, known, path, predict, generate)
        known[one.name] = value
        actions[one.name] = _action(one, stored.get(one.name), value)
    return [actions[one.name] for one in wanted]


def _in_order(wanted: Sequence[Wanted], path: str) -> list[Wanted]:
    """Sort so that what is composed comes after its parts; there are no circles any more."""
    names = {one.name: one for one in wanted}
    ordered: dict[str, Wanted] = {}

    def visit(one: Wanted) -> None:
        for name in references(one, path):
            if name in names and name not in ordered:
                visit(names[name])
        ordered[one.name] = one

    for one in wanted:
        visit(one)
    return list(ordered.values())


def _refuse_circles(graph: Mapping[str, Sequence[str]]) -> None:
    for start in graph:
        reached, waiting = set[str](), list(graph[start])
        while waiting:
            name = waiting.pop()
            if name == start:
                raise SecretError("is composed of itself", subject=start, remedy="Break the circle.")
            if name not in reached:
                reached.add(name)
                waiting.extend(graph.get(name, ()))


def _value(
    one: Wanted,
    known: Mapping[str, str | None],
    path: str,
    predict: bool,
    generate: Callable[[int], str],
) -> str | None:
    """Return the value that ``one`` should have; None when it cannot be known yet."""
    if one.value is not None:
        return one.value
    if one.compose is not None:
        return _compose(one, known, path, predict)
    if one.name in known:
        return known[one.name]
    if one.generate is None:
        raise _wrong(one, "does not exist", "Create it, or give it a value, generate or compose.")
    return generate(one.generate)


def _compose(one: Wanted, known: Mapping[str, str | None], path: str, predict: bool) -> str | None:
    missing = [name for name in references(one, path) if known.get(name) is None]
    if missing and not predict:
        raise _wrong(
            one, f"is composed of {missing[0]}, which does not exist", "List it before, or create it."
        )
    if missing:
        return None

    def fill(match: re.Match[str]) -> str:
        part = known[absolute(match[1], path)] or ""
        return quote(part, safe="") if match[2] else part

    return _PLACEHOLDER.sub(fill, one.compose or "")


def _action(one: Wanted, stored: Stored | None, value: str | None) -> Action:
    if stored is None:
        return Action(one.name, "created", one.type, 0, value)
    if stored.type != one.type:
        # AWS cannot change the type of a parameter in place.
        raise _wrong(one, f"is a {stored.type}, not a {one.type}", "Delete it, or name its type.")
    if value == stored.value:
        return Action(one.name, "unchanged", one.type, stored.version)
    return Action(one.name, "updated", one.type, stored.version, value)


def _wrong(one: Wanted, what: str, remedy: str) -> SecretError:
    return SecretError(what, subject=f"parameter {one.name}", remedy=remedy)
