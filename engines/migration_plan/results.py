"""The plan as lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from engines.migration_plan.sections import UNKNOWN

Plan = Mapping[str, Any]
_SIGNS = {"add": "+", "change": "~", "replace": "!", "delete": "-"}
_MINUTE = 60
_STEP = 1024
_WIDTH = 110


def lines(plan: Plan) -> list[str]:
    """Return the page: a headline, a part for each phase, then what is irreversible, cost and time."""
    found = [headline(plan)]
    if lost := sum("DATA:" in one for one in plan["irreversible"]):
        found += ["", f"!! {lost} change(s) ENDANGER DATA: read IRREVERSIBLE below."]
    for name, part in _PARTS.items():
        if name in plan:
            found += ["", *part(plan[name])]
    found += _list("IRREVERSIBLE", plan["irreversible"], "!")
    if "cost" in plan:
        found += ["", *_cost(plan["cost"])]
    if plan["transfer"]["bytes"]:
        found += ["", _transfer(plan["transfer"])]
    found += _list("KNOWN AFTER APPLY", [", ".join(plan["known_after_apply"])], " ")
    return [line for one in found for line in _folded(one)]


def _folded(line: str) -> list[str]:
    """Break a line that is too long for a screen; what follows is set in deeper."""
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]


def headline(plan: Plan) -> str:
    """Return the one line that says how much a run would do."""
    where = f"{plan['environment']} (account {plan['account_id'] or 'any'}, {plan['region']})"
    if not plan["changes"]:
        return f"A run would change nothing in {where}."
    said = [
        _resources(plan["infrastructure"]["counts"]) if "infrastructure" in plan else "",
        _count(plan.get("secrets", {}).get("create", []), "secret"),
        _count(plan.get("database", {}).get("tables", []), "table"),
        _count(plan.get("database", {}).get("revisions", []), "revision"),
        f"{plan['storage']['objects']:,} objects" if plan.get("storage", {}).get("objects") else "",
        "an image" if plan.get("image", {}).get("build") else "",
        "a release" if plan.get("service", {}).get("actions") else "",
    ]
    return f"A run in {where} would bring: {'; '.join(filter(None, said)) or 'small changes'}."


def _infrastructure(part: Plan) -> Iterator[str]:
    state = part["status"] if part["exists"] else "does not exist yet"
    yield f"INFRASTRUCTURE  stack {part['stack']} ({state}): {_counts(part['counts']) or 'no change'}"
    if part["note"]:
        yield f"  * {part['note']}"
    for setting in part["settings"]:
        yield f"  ~ {setting}"
    yield from (f"  = bucket {name} is imported with its objects" for name in part["adopted"])
    yield from _added([one for one in part["changes"] if one["action"] == "add"])
    for one in part["changes"]:
        if one["action"] != "add":
            yield f"  {_SIGNS[one['action']]} {_change(one)}"


def _added(changes: list[Plan]) -> Iterator[str]:
    """One line for each type, since a new stack has dozens of resources."""
    types = sorted({one["type"] for one in changes})
    width = max((len(kind) for kind in types), default=0)
    for kind in types:
        names = [one["logical_id"] for one in changes if one["type"] == kind]
        yield f"  + {kind:<{width}}  {', '.join(names)}"


def _change(one: Plan) -> str:
    properties = f": {', '.join(one['properties'])}" if one["properties"] else ""
    verb = {"replace": "REPLACED  ", "delete": "deleted   "}.get(one["action"], "")
    doubt = "; AWS may interrupt or replace it" if one["doubtful"] else ""
    left = f"; {one['left']}" if one["left"] else ""
    data = "  !! DATA" if one["endangers_data"] else ""
    return f"{verb}{one['type']} {one['logical_id']}{properties}{doubt}{left}{data}"


def _secrets(part: Plan) -> Iterator[str]:
    counts = {kind: len(part[kind]) for kind in ("create", "update", "keep")}
    yield "SECRETS  {create} to create, {update} to update, {keep} kept".format(**counts)
    yield from (f"  + {name}" for name in part["create"])
    yield from (f"  ~ {name}" for name in part["update"])


def _database(part: Plan) -> Iterator[str]:
    about = "" if part["counted"] else "about "
    copied = (
        f"{_count(part['tables'], 'table')}, {about}{part['rows']:,} rows ({amount(part['bytes'])}) to copy"
    )
    state = copied if part["tables"] else "no rows to copy"
    if part["frozen"]:
        state = "serves users, so its rows are left as they are"
        if part["differences"]:
            state += f"; it differs from the old one in {part['differences']} place(s), as is to be expected"
    if part["recorded"]:
        state = "as an earlier run recorded it; it is not read, since that takes a relay, which a run starts"
    yield f"DATABASE  {state}"
    width = max((len(one["name"]) for one in part["tables"]), default=0)
    for one in part["tables"]:
        how = "" if one["action"] == "copy" else f"  ({one['action']})"
        yield f"  + {one['name']:<{width}}  {_many(one['rows'], 'row')}  {amount(one['bytes']):>10}{how}"
    yield from (f"  * not copied: {one['kind']} {one['name']}: {one['reason']}" for one in part["not_copied"])
    yield from (f"  + revision {one['revision']}  {one['title']}" for one in part["revisions"])
    yield from (f"  + {grant}" for grant in part["grants"])


def _storage(part: Plan) -> Iterator[str]:
    state = (
        f"{part['objects']:,} objects ({amount(part['bytes'])}) to copy"
        if part["objects"]
        else "nothing to copy"
    )
    if part["frozen"]:
        state = "serve users, so their objects are left as they are"
    yield f"BUCKETS  {state}"
    width = max((len(one["bucket"]) for one in part["buckets"]), default=0)
    for one in part["buckets"]:
        sign = "+" if one["objects"] else " "
        there = f"   ({one['kept']:,} there already)" if one["kept"] else ""
        size = f"{_many(one['objects'], 'object')}  {amount(one['bytes']):>10}"
        yield f"  {sign} {one['bucket']:<{width}}  {size}{there}"
    for one in part["buckets"]:
        yield from (f"  * not copied of {one['bucket']}: {_lost(what)}" for what in one["not_copied"])
    yield from (f"  ! a run would be refused: {sentence}" for sentence in part["refused"])


def _lost(what: Mapping[str, Any]) -> str:
    count = f" ({what['objects']:,})" if what["objects"] else ""
    return f"{what['what']}{count}"


def _image(part: Plan) -> Iterator[str]:
    sources = part["source_digest"][:19]
    if not part["build"]:
        yield f"IMAGE  is there: {part['image']}"
    elif part["image"] == UNKNOWN:
        yield f"IMAGE  to build ({part['builder']}) and push, from sources {sources}; its digest is {UNKNOWN}"
    else:
        yield f"IMAGE  to tag {', '.join(part['tags'])}: {part['image']}"


def _service(part: Plan) -> Iterator[str]:
    size = f"{part['tasks']} task(s) of {part['cpu']} CPU units and {part['memory']} MiB"
    yield f"SERVICE  {part['service']}, {size}: {'to release' if part['actions'] else 'no change'}"
    yield from (f"  * before users are moved: {step}" for step in part["go_live"])
    yield from (f"  + {action}" for action in part["actions"])
    if part["domain"]:
        yield f"  + {part['domain']}"


_PARTS = {
    "infrastructure": _infrastructure,
    "secrets": _secrets,
    "database": _database,
    "storage": _storage,
    "image": _image,
    "service": _service,
}


def _cost(part: Plan) -> Iterator[str]:
    guess = (
        ""
        if part["priced_as"] == part["region"]
        else f", since the table has none of {part['region']}: expect more or less"
    )
    once = f", and {part['once_usd']:,.2f} once for the copying" if part["once_usd"] else ""
    table = f"list prices of {part['priced_as']} of {part['as_of']}{guess}"
    yield f"COST  about {part['monthly_usd']:,.2f} USD a month{once}; {table}"
    yield from (f"  {one['monthly_usd']:>10,.2f}  {one['what']}" for one in part["items"])
    if part["unknown"]:
        yield f"  without a price: {', '.join(part['unknown'])}"
    yield f"  not in it: {part['not_in_it']}"
    yield f"  sources: {part['sources'][0]} and others, see engines/migration_plan/prices.yml"


def _transfer(part: Plan) -> str:
    rate = f"{part['mbit_per_second']:g} Mbit/s (plan_bandwidth)"
    return f"TRANSFER  {amount(part['bytes'])}, about {duration(part['seconds'])} at {rate}"


def _list(title: str, entries: list[str], sign: str) -> list[str]:
    said = [entry for entry in entries if entry]
    return ["", title, *(f"  {sign} {entry}" for entry in said)] if said else []


def _resources(counts: Mapping[str, int]) -> str:
    said = _counts(counts)
    return f"resources {said}" if said else ""


def _counts(counts: Mapping[str, int]) -> str:
    words = {"add": "to add", "change": "to change", "replace": "to REPLACE", "delete": "to delete"}
    return ", ".join(f"{counts[action]} {word}" for action, word in words.items() if counts[action])


def _count(found: list[Any], noun: str) -> str:
    return f"{len(found)} {noun}{'s' if len(found) > 1 else ''}" if found else ""


def _many(number: int, noun: str) -> str:
    """Return a number with its noun, as wide for one as for many."""
    return f"{number:>12,} {noun}{' ' if number == 1 else 's'}"


def amount(size: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < _STEP:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _STEP
    return f"{size:.1f} TiB"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / _MINUTE)
    return f"{minutes} min" if minutes < _MINUTE else f"{minutes // _MINUTE} h {minutes % _MINUTE} min"
