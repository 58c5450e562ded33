"""Filters for this role alone: the stack's template from its parts, and its buckets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from engines.errors import EngineError
from engines.stack import Bucket, bucket_ids, merge, with_buckets


def stack_template(paths: Sequence[str], buckets: Sequence[Mapping[str, Any]]) -> str:
    """Return the template that the parts at ``paths`` and the buckets make, as compact JSON.

    Compact, because AWS takes 51,200 bytes in a request; the same parts always give the same text.
    """
    try:
        entries = [Bucket.from_options(one) for one in buckets]
        return json.dumps(with_buckets(merge(paths), entries), separators=(",", ":"))
    except EngineError as error:
        raise AnsibleFilterError(str(error)) from error


def stack_buckets(buckets: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the names of the buckets by their logical ids in the template."""
    try:
        return bucket_ids([Bucket.from_options(one) for one in buckets])
    except EngineError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by the names that playbooks use."""
        return {"stack_template": stack_template, "stack_buckets": stack_buckets}
