#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: copy a bucket to another S3 store, with a proof for every object."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: s3_mirror
short_description: Copy a bucket to another S3 store, with a proof for every object
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Copies what the target lacks, from any S3 store to any other, through this machine. The source is only
    read.
  - An object keeps its key (relative to the prefix), body, content type, encoding, disposition, language,
    cache control, expiry, user metadata and tags. What is not copied is returned as RV(not_copied).
  - The SHA-256 of each object is taken on the way and kept in O(manifest). An object that both sides
    still list as the manifest says is not read again, so a second run copies nothing, and a run after a
    killed one continues it.
  - An object that the target has and nothing proves is read on both sides. If it is equal it is accepted.
    If not, or if the source has no such object, the module fails before it moves anything, and names it.
  - An object that cannot be copied does not stop the others. It is tried again, then listed, and the module
    fails at the end.
options:
  jobs:
    description: How many objects are moved at a time; V(0) means as many as help, from 16 to 128, which makes
      up for a distance to a store. For any number, 96 MiB of buffers are used.
    type: int
    default: 0
  part_size:
    description: Bytes of a part. Objects up to this size are written by one request, larger ones in
      parts. At least 5242880.
    type: int
    default: 16777216
  on_target_difference:
    description:
      - What to do with an object that differs on the target and that the migration did not put there.
      - V(replace) needs O(consent).
    type: str
    choices: [refuse, replace]
    default: refuse
  on_target_extra:
    description: What to do with an object that only the target has.
    type: str
    choices: [refuse, keep]
    default: refuse
  only_new:
    description:
      - Copy only objects that the target lacks and that were never copied, as the manifest says, and neither
        look at nor change any other. For a target that users write to.
    type: bool
    default: false
  delete_extraneous:
    description: Delete what only the target has, after everything else has succeeded. Needs O(consent).
    type: bool
    default: false
  consent:
    description:
      - The names of the target buckets whose objects may be overwritten or deleted as the options above say.
      - With O(buckets), V(replace) and O(delete_extraneous) concern these buckets alone.
    type: list
    elements: str
    default: []
  accept_unverified:
    description:
      - What of an object need not be seen. Without it, an object of which something may not be read is not
        copied, and listed as failed.
      - V(tags) accepts objects whose tags may not be read on either side. They are copied without tags, and
        named in RV(not_copied).
    type: list
    elements: str
    choices: [tags]
    default: []
  check_tags:
    description:
      - Of which objects, among those that both sides still list as O(manifest) has them, the source is asked
        for the tags, since no listing shows that these have changed.
      - V(sample) asks for those of 32, others at each run, and if one has other tags, of all. V(all) costs a
        request for each object, V(none) none.
      - An object that was tagged anew is copied again.
    type: str
    choices: [none, sample, all]
    default: sample
  manifest:
    description:
      - The file of proofs, on this machine, or with O(buckets) the folder for the files C(name.jsonl.zst). A
        journal and a lock are kept in the same folder. Only one mirror at a time can use it.
      - Without one nothing is remembered, and a second run reads all objects on both sides.
    type: path
extends_documentation_fragment:
  - s3_buckets
  - s3_buckets.source
attributes:
  check_mode:
    description: Plans without writing anything, on either side or here. What would be refused is a warning.
    support: full
  diff_mode:
    description: Shows how many objects and bytes of the target equal the source before and after, and the
      first keys.
    support: full
"""

EXAMPLES = r"""
- name: Move the raw data to AWS
  s3_mirror:
    source:
      endpoint: http://minio:9000
      access_key: env:OBJECT_STORE_ACCESS_KEY
      secret_key: env:OBJECT_STORE_SECRET_KEY
      bucket: raw
    target:
      bucket: shop-images
    manifest: /var/lib/bmii-migrate/images.jsonl.zst

- name: Move all buckets in one call
  s3_mirror:
    source: {endpoint: "http://minio:9000", access_key: "env:KEY", secret_key: "env:SECRET"}
    target: {}
    buckets:
      - {name: images, source: images, target: shop-images}
      - {name: invoices, source: invoices, target: shop-invoices}
    manifest: /var/lib/bmii-migrate

- name: Overwrite what differs, and remove what the source has not
  s3_mirror:
    source: {endpoint: "http://minio:9000", access_key: "env:KEY", secret_key: "env:SECRET", bucket: raw}
    target: {bucket: shop-images}
    on_target_difference: replace
    delete_extraneous: true
    consent: shop-images
"""

RETURN = r"""
summary:
  description: A summary in one line.
  returned: success
  type: str
plan:
  description: Objects by what was found before anything was moved.
  returned: success
  type: dict
  contains:
    copy:
      description: Objects to copy; the target lacks them, or they changed in the source since they were
        copied.
      type: int
    equal:
      description: Objects proven equal.
      type: int
    differs:
      description: Objects that differ and that the migration did not put there.
      type: int
    extra:
      description: Objects that only the target has.
      type: int
    unverifiable:
      description: Objects that could not be read.
      type: int
plan_bytes:
  description: The bytes of the objects in RV(plan).
  returned: success
  type: dict
examples:
  description: The first keys of each part of RV(plan), with the reason.
  returned: success
  type: dict
copied:
  description: How many objects were copied.
  returned: success
  type: int
deleted:
  description: How many objects were deleted from the target.
  returned: success
  type: int
bytes:
  description: How many bytes were copied.
  returned: success
  type: int
failed_objects:
  description: Objects that cannot be copied, with the reason (the first 100). Outside check mode they
    make the module fail, and are found in C(details).
  returned: success
  type: list
  elements: dict
  contains:
    key:
      description: The object's key.
      type: str
    reason:
      description: What is the matter with it.
      type: str
refused:
  description: In check mode, why the run would be refused.
  returned: success
  type: list
  elements: str
not_copied:
  description:
    - What is not copied, such as older versions, storage classes, retention and website redirects.
    - What the source's bucket is configured with and the target will not be (policy, ACL, lifecycle, CORS,
      encryption, website, logging, notifications, object lock, replication, tags), with what to do.
  returned: success
  type: list
  elements: dict
  contains:
    what:
      description: What it is.
      type: str
    objects:
      description: How many objects have it; 0 for what is the bucket's.
      type: int
    examples:
      description: The first of them.
      type: list
      elements: str
capabilities:
  description:
    - What the C(source) and the C(target) can do, as they were asked before anything was written.
    - Each has C(server), C(clock_ahead_seconds), C(key_encoding) (V(url), V(percent), V(none)), C(tags)
      (V(readable), V(denied), V(none)), C(ranges) and C(conditional_reads). V(unknown) or null is what could
      not be found out.
  returned: success
  type: dict
set_aside:
  description:
    - What became of a manifest about other endpoints (a target that was taken down, another source). It is
      renamed, never used and never deleted; in check mode it stays where it is.
  returned: success
  type: list
  elements: str
manifest:
  description: The manifest; empty if there is none.
  returned: success
  type: dict
  contains:
    path:
      description: The file.
      type: str
    sha256:
      description: The digest of its content.
      type: str
    objects:
      description: How many objects it proves.
      type: int
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
    Options,
    Rules,
    as_result,
    bucket_options,
    bucket_pairs,
    check_consent,
    combined,
    for_each_pair,
    mirror,
    side_options,
)


def _run(module: AnsibleModule) -> dict[str, Any]:
    given = module.params
    several = bucket_pairs(given)
    consent = [name for name in given["consent"] if name]
    check_consent(consent, [pair.target.bucket for pair in several])

    def one(pair: BucketPair) -> dict[str, Any]:
        rules = Rules(
            given["on_target_difference"],
            given["on_target_extra"],
            given["delete_extraneous"] and (not pair.name or pair.target.bucket in consent),
            pair.target.bucket if pair.target.bucket in consent else "",
            only_new=given["only_new"],
        )
        options = Options(
            given["jobs"],
            given["part_size"],
            rules,
            pair.manifest,
            module.check_mode,
            given["accept_unverified"],
            given["check_tags"],
        )
        outcome = mirror(pair.source, pair.target, options)
        for sentence in outcome.refused:
            module.warn(f"{pair.target.name}: the run would be refused: {sentence}")
        if outcome.set_aside:
            module.warn(outcome.set_aside)
        return as_result(outcome, rules, pair.target, check=module.check_mode)

    return combined(for_each_pair(several, one))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "dict", "required": True, "options": side_options()},
            "target": {"type": "dict", "required": True, "options": side_options()},
            "buckets": bucket_options(),
            "jobs": {"type": "int", "default": 0},
            "part_size": {"type": "int", "default": 16 << 20},
            "on_target_difference": {"type": "str", "choices": ["refuse", "replace"], "default": "refuse"},
            "on_target_extra": {"type": "str", "choices": ["refuse", "keep"], "default": "refuse"},
            "delete_extraneous": {"type": "bool", "default": False},
            "only_new": {"type": "bool", "default": False},
            "consent": {"type": "list", "elements": "str", "default": []},
            "accept_unverified": {"type": "list", "elements": "str", "choices": ["tags"], "default": []},
            "check_tags": {"type": "str", "choices": ["none", "sample", "all"], "default": "sample"},
            "manifest": {"type": "path"},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module))


if __name__ == "__main__":
    main()
