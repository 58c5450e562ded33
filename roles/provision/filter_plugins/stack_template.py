"""A filter for this role alone: the stack's template from its parts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from ansible.errors import AnsibleFilterError

from engines.errors import EngineError
from engines.stack import merge


def stack_template(paths: Sequence[str]) -> str:
    """Return the template that the parts at ``paths`` make, as compact JSON.

    Compact, because AWS takes 51,200 bytes; the same parts always give the same text.
    """
    try:
        return json.dumps(merge(paths), separators=(",", ":"))
    except EngineError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[[Sequence[str]], str]]:
        """Return the filters by the names that playbooks use."""
        return {"stack_template": stack_template}
