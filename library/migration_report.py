#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: write the report of a migration from its ledger."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: migration_report
short_description: Write the report of a migration, and pack its evidence
description:
  - Writes what was copied, proven, released and left out as one HTML file, which loads nothing, and the same
    as Markdown and JSON. All of it is from the ledger, so that any machine which may read it writes the same.
  - The evidence of each phase is that of the last run which copied something, or of the first one.
options:
  bucket:
    description: Name of the state bucket.
    type: str
    required: true
  dest:
    description: Folder of the report.
    type: path
    required: true
  environment:
    description: The name of the environment, for the title.
    type: str
    default: ''
  archive:
    description:
      - Where all documents of the ledger are packed as a tar, with a list of their SHA-256. The same
        documents make the same archive.
    type: path
  compared:
    description:
      - The evidence of comparisons made now, which is checked against that in the ledger. C(database) is that
        of C(pg_compare), C(storage) a dictionary with that of C(s3_compare) for each bucket.
      - What they say is added to the ledger as a verification, and to the report.
    type: dict
    default: {}
author: BMII Migrate contributors (@bmii-migrate)
attributes:
  check_mode:
    description: Reads the ledger and writes nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Write the report
  migration_report:
    bucket: shop-state
    dest: /var/lib/shop/report
    environment: production
"""

RETURN = r"""
page:
  description: The HTML file.
  returned: success
  type: str
report:
  description: What the report says, under C(schema) V(bmii-report/1).
  returned: success
  type: dict
recheck:
  description: What of the target is as the ledger's evidence proved it, as lines.
  returned: success
  type: list
  elements: str
archive:
  description: The archive; empty if none was asked for.
  returned: success
  type: str
sha256:
  description: The archive's SHA-256.
  returned: success
  type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.ledger import Store
from engines.report import write


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "dest": {"type": "path", "required": True},
            "environment": {"type": "str", "default": ""},
            "archive": {"type": "path"},
            "compared": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check=module.check_mode))


def _run(given: dict[str, Any], *, check: bool) -> dict[str, Any]:
    archive = Path(given["archive"]) if given["archive"] else None
    store = Store(given["bucket"])
    dest, compared = Path(given["dest"]), given["compared"]
    return write(store, dest, given["environment"], archive=archive, compared=compared, check=check)


if __name__ == "__main__":
    main()
