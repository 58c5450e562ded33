#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: compare a bucket with another one, or with the proofs of a migration."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: s3_compare
short_description: Compare a bucket with another one, or with the proofs of a migration
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Checks that two buckets hold the same objects, by key, size, SHA-256, content type and other headers,
    user metadata and tags. Nothing is written.
  - Without O(source), the manifest that C(s3_mirror) wrote stands in for it, so that the target can be
    checked long after the source is gone.
  - Objects that are equal, that differ, that are missing on the target, that only the target has, and
    that could not be verified are counted apart.
options:
  manifest:
    description: The file of proofs that C(s3_mirror) wrote, or with O(buckets) their folder. Needed without
      O(source), and with O(mode=listing).
    type: path
  accept_unverified:
    description:
      - What of an object need not be seen. Without it, an object of which something may not be read is
        counted as unverifiable.
      - V(tags) accepts objects whose tags may not be read on either side. Their tags are not compared.
    type: list
    elements: str
    choices: [tags]
    default: []
  check_tags:
    description: With O(mode=listing), of which objects both sides are asked for the tags, which no listing
      shows; V(sample) means 32 of each bucket. V(content) always compares the tags of all.
    type: str
    choices: [none, sample, all]
    default: sample
  mode:
    description:
      - V(content) reads every object.
      - V(listing) reads none. An object is equal if it is listed exactly as the manifest recorded it; one
        that was written since cannot be verified in this way.
    type: str
    choices: [content, listing]
    default: content
  require_equal:
    description: Fail unless every object is equal.
    type: bool
    default: true
  accept_late:
    description: With O(require_equal), whether objects may be missing or differ that the source has written
      since they were copied, as the manifest says.
    type: bool
    default: false
  jobs:
    description: How many objects are read at a time; V(0) means as many as help, from 16 to 128.
    type: int
    default: 0
extends_documentation_fragment:
  - s3_buckets
  - s3_buckets.optional_source
attributes:
  check_mode:
    description: The module only reads. In check mode, a target bucket that does not exist counts as empty.
    support: full
  diff_mode:
    description: There is no change to show.
    support: none
"""

EXAMPLES = r"""
- name: Prove that nothing was lost
  s3_compare:
    source:
      endpoint: http://minio:9000
      access_key: env:OBJECT_STORE_ACCESS_KEY
      secret_key: env:OBJECT_STORE_SECRET_KEY
      bucket: raw
    target:
      bucket: shop-images
    manifest: /var/lib/bmii-migrate/images.jsonl.zst

- name: Check a year later what was moved then
  s3_compare:
    target:
      bucket: shop-images
    manifest: /var/lib/bmii-migrate/images.jsonl.zst
    require_equal: false
  register: audit
"""

RETURN = r"""
summary:
  description: A summary in one line.
  returned: success
  type: str
is_equal:
  description: Whether every object of either side was found equal.
  returned: success
  type: bool
late:
  description: Of the objects that are not equal, those that the source has written since they were copied,
    with C(count) and the first C(keys).
  returned: success
  type: dict
counts:
  description: How many objects are C(equal), C(differs), C(missing), C(extra) and C(unverifiable).
  returned: success
  type: dict
differs:
  description: Objects that differ, with what differs (the first 10).
  returned: success
  type: list
  elements: dict
missing:
  description: Objects that the target lacks (the first 10).
  returned: success
  type: list
  elements: dict
extra:
  description: Objects that only the target has (the first 10).
  returned: success
  type: list
  elements: dict
unverifiable:
  description: Objects that could not be read or vouched for, with the reason (the first 10).
  returned: success
  type: list
  elements: dict
evidence:
  description: What to keep of this comparison; with O(buckets), it is in RV(buckets) of each.
  returned: success
  type: dict
  contains:
    source:
      description: The source, empty if the manifest stood in for it.
      type: str
    target:
      description: The target.
      type: str
    mode:
      description: The mode.
      type: str
    equal:
      description: How many objects are equal.
      type: int
    differs:
      description: How many objects differ.
      type: int
    missing:
      description: How many objects the target lacks.
      type: int
    extra:
      description: How many objects only the target has.
      type: int
    unverifiable:
      description: How many objects could not be verified.
      type: int
    bytes:
      description: The bytes of the equal objects.
      type: int
    fingerprint:
      description: One digest over all equal objects, in whatever order they were read. Empty with
        O(mode=listing).
      type: str
    manifest_sha256:
      description: The digest of the manifest's content.
      type: str
    capabilities:
      description: What the stores can do, as C(s3_mirror) returns it.
      type: dict
buckets:
  description: With O(buckets), what each of them would have returned alone, by name.
  returned: success
  type: dict
seconds:
  description: How long it took.
  returned: success
  type: float
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.objects import (
    BucketPair,
    bucket_options,
    bucket_pairs,
    combined,
    compare,
    comparison_result,
    for_each_pair,
    side_options,
)


def _run(module: AnsibleModule) -> dict[str, Any]:
    given = module.params

    def one(pair: BucketPair) -> dict[str, Any]:
        comparison = compare(
            pair.source,
            pair.target,
            mode=given["mode"],
            path=pair.manifest,
            jobs=given["jobs"],
            planning=module.check_mode,
            accept_unverified=given["accept_unverified"],
            check_tags=given["check_tags"],
        )
        return comparison_result(
            comparison, require_equal=given["require_equal"], accept_late=given["accept_late"]
        )

    return combined(for_each_pair(bucket_pairs(given), one))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "dict", "options": side_options()},
            "target": {"type": "dict", "required": True, "options": side_options()},
            "buckets": bucket_options(),
            "manifest": {"type": "path"},
            "accept_unverified": {"type": "list", "elements": "str", "choices": ["tags"], "default": []},
            "check_tags": {"type": "str", "choices": ["none", "sample", "all"], "default": "sample"},
            "mode": {"type": "str", "choices": ["content", "listing"], "default": "content"},
            "require_equal": {"type": "bool", "default": True},
            "accept_late": {"type": "bool", "default": False},
            "jobs": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module))


if __name__ == "__main__":
    main()
