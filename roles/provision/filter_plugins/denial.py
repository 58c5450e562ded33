"""A filter for the roles that use stock modules of AWS: what was denied, and the statement that allows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engines.permissions import explain


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[[str, str, dict[str, Any]], str]]:
        """Return the filters by the names that playbooks use."""
        return {"explain_denial": explain}
