#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: the certificate of the platform's domain, in ACM."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: domain_certificate
short_description: Find, or request and prove, the certificate of a domain in ACM
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - With O(arn) the certificate has to be issued, not expired, and for O(domain).
  - Without, the one that carries O(tags) is taken; where there is none, one is requested. ACM issues it once
    the records that it asks for are in DNS. They are written into O(zone), where there is one, and are always
    returned while they are missing.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  domain:
    description: The domain.
    type: str
    required: true
  arn:
    description: A certificate of one's own.
    type: str
    default: ""
  zone:
    description: The hosted zone of the domain in Route 53, by name or id; empty where DNS is kept elsewhere.
    type: str
    default: ""
  tags:
    description: The tags of a certificate that is requested, by which it is found again.
    type: dict
    default: {}
  timeout:
    description: For how many seconds it is waited that ACM issues it; 0 for not at all.
    type: int
    default: 0
attributes:
  check_mode:
    description: Requests and writes nothing; C(arn) is empty if one would be requested.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Wait until the certificate is issued
  domain_certificate:
    domain: shop.example.org
    zone: example.org
    tags: {Project: shop}
    timeout: 1800
"""

RETURN = r"""
arn:
  description: The certificate; empty in check mode when one would be requested.
  returned: success
  type: str
  sample: arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d
status:
  description: The status in ACM's words.
  returned: success
  type: str
  sample: ISSUED
records:
  description: The records that have to be in DNS while ACM has not issued it, as lines of a zone file.
  returned: success
  type: list
  elements: str
  sample: [_0a1b.shop.example.org. 300 IN CNAME _2c3d.acm-validations.aws.]
"""

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.domain import ensure_certificate


def main() -> None:
    """Read the contract, call the engine, return."""
    module = AnsibleModule(
        argument_spec={
            "domain": {"type": "str", "required": True},
            "arn": {"type": "str", "default": ""},
            "zone": {"type": "str", "default": ""},
            "tags": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    options = dict(module.params)
    domain = options.pop("domain")
    finish(module, lambda: ensure_certificate(domain, **options, check=module.check_mode))


if __name__ == "__main__":
    main()
