"""Filters for this role: revisions and templates that the ledger allows to roll back to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from engines.errors import EngineError
from engines.ledger import history


def applied_template(journals: Sequence[Mapping[str, Any]], to: str) -> dict[str, str]:
    """Return where the template is kept that ``to`` names, or the one before the latest."""
    try:
        return history.template(journals, to)
    except EngineError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by the names that playbooks use."""
        return {
            "good_revisions": history.revisions,
            "worker_revisions": history.workers,
            "applied_template": applied_template,
        }
