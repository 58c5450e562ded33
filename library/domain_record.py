#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: the record that leads a domain to the load balancer."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: domain_record
short_description: Lead a domain to the load balancer, or say how
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Writes an alias for O(domain) into the hosted zone O(zone) of Route 53. Without a zone nothing is written,
    and RV(text) says what to enter where DNS is kept.
  - A domain that leads elsewhere is left so, unless O(move) names it. Moving it moves its users.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  domain:
    description: The domain.
    type: str
    required: true
  dns_name:
    description: The DNS name of the load balancer.
    type: str
    required: true
  zone_id:
    description: The hosted zone in which AWS keeps that name.
    type: str
    required: true
  zone:
    description: The hosted zone of the domain in Route 53, by name or id; empty where DNS is kept elsewhere.
    type: str
    default: ""
  move:
    description: The domain, as consent to lead it here from where it leads.
    type: str
    default: ""
attributes:
  check_mode:
    description: Returns what would become of the record.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Point the domain to the load balancer
  domain_record:
    domain: shop.example.org
    dns_name: shop-1.us-east-1.elb.amazonaws.com
    zone_id: Z35SXDOTRQ7X7K
    zone: example.org
"""

RETURN = r"""
standing:
  description: V(set), V(created), V(moved), V(elsewhere), or V(by hand) where there is no zone.
  returned: success
  type: str
  sample: created
text:
  description: The same as a sentence, with what is left to be done.
  returned: success
  type: str
  sample: shop.example.org leads to the load balancer from now on
dns_name:
  description: The DNS name of the load balancer.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.domain import Destination, ensure_record


def main() -> None:
    """Read the contract, call the engine, return."""
    module = AnsibleModule(
        argument_spec={
            "domain": {"type": "str", "required": True},
            "dns_name": {"type": "str", "required": True},
            "zone_id": {"type": "str", "required": True},
            "zone": {"type": "str", "default": ""},
            "move": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    options = module.params
    destination = Destination(options["dns_name"], options["zone_id"])
    finish(
        module,
        lambda: ensure_record(
            options["domain"],
            destination,
            zone=options["zone"],
            move=options["move"],
            check=module.check_mode,
        ),
    )


if __name__ == "__main__":
    main()
