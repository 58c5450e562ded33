"""The page that explains the policy, since JSON has no comments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.policy.model import actions, resources, size, split
from engines.policy.plan import Composed

_HEAD = """\
<!-- Written by `make policy`; the words are in engines/policy/rules.yml. -->
# The operator's policy

[operator-policy.json](operator-policy.json) is what the one who runs the playbooks has to be allowed. How
to use it: [Credentials](../guides/credentials.md#the-operators-policy).

Each statement has one source, by which its `Sid` begins:

- `Run…`: the calls that were recorded in the rehearsal. Without any one of these actions something in it
  fails (`make stress`).
- `Also…`: what AWS asks besides, where the rehearsal's account does not.
- `Stack…`: what CloudFormation needs for the template's types, as their schemas say. It acts with the
  operator's credentials, and by `aws:CalledVia` nobody has these permissions without it.
"""


def page(composed: Composed) -> str:
    """Return the page as Markdown."""
    parts = [_HEAD, _statements(composed), "## Why\n", _whys(composed.whys), _left_out(composed)]
    return "\n".join(parts)


def _statements(composed: Composed) -> str:
    policy = composed.policy
    rows = [_row(one) for one in policy["Statement"]]
    head = [
        f"{len(rows)} statements, {size(policy)} characters, {len(split(policy))} policies.\n",
        "| statement | actions | on | if |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def _row(statement: Mapping[str, Any]) -> str:
    where = ", ".join(f"`{_short(one)}`" for one in resources(statement))
    conditions = [f"`{key}`" for tests in statement.get("Condition", {}).values() for key in tests]
    effect = "" if statement["Effect"] == "Allow" else " (denied)"
    return f"| `{statement['Sid']}`{effect} | {len(actions(statement))} | {where} | {', '.join(conditions)} |"


def _short(arn: str) -> str:
    """Return an ARN without its account and region, which are the same in all."""
    return arn if arn == "*" else ":".join(arn.split(":")[2:3] + arn.split(":")[5:])


def _whys(whys: Mapping[str, str]) -> str:
    return "\n".join(f"- `{sid}`: {why}" for sid, why in whys.items()) + "\n"


def _left_out(composed: Composed) -> str:
    rows = [f"- {why} {', '.join(f'`{one}`' for one in some)}" for why, some in composed.left_out]
    head = [
        "## Left out\n",
        "What the schemas name and this template does not need, and what is asked and done without.\n",
    ]
    return "\n".join([*head, *rows]) + "\n"
