"""A service on ECS, and how long a rollout of it is waited for."""

from __future__ import annotations


class ModuleDocFragment:
    """What ``extends_documentation_fragment`` takes in."""

    DOCUMENTATION = r"""
options:
  cluster:
    description: The ECS cluster's name. In check mode it may be empty while an earlier phase has yet to make
      the cluster.
    type: str
    required: true
  service:
    description: The service's name.
    type: str
    required: true
  url:
    description: Where users reach the service. When it is empty, that the service answers is not checked.
    type: str
    default: ""
  connect_to:
    description: The place that stands for the host of O(url), C(host:port) or a host. A release is watched
      through the load balancer under its domain, whatever DNS says of that yet. When it is empty, as DNS
      says.
    type: str
    default: ""
  ca_file:
    description: A file of the authorities that are trusted for O(url), when they are not those of this
      machine.
    type: str
    default: ""
  probe:
    description:
      - The request below O(url) that says what users get. In any case the revision's tasks have to run its
        image, by the digest that ECS names, and to be healthy targets.
    type: dict
    default: {}
    suboptions:
      path:
        description: Its path; empty to send none.
        type: str
        default: ""
      status:
        description: The statuses that are right.
        type: list
        elements: int
        default: [200]
      json:
        description: Where in the JSON of the answer the digest of the running image stands, such as C(image).
          Empty where it does not.
        type: str
        default: ""
      header:
        description: The header of the answer that names that digest. Empty where none does.
        type: str
        default: ""
  timeout:
    description: For how many seconds the rollout may make no progress before it is given up.
    type: int
    default: 600
  steady_seconds:
    description: For how many seconds what is changed has to stay as it should be before it counts. A task
      can crash after it was found healthy, and users meet such a crash.
    type: int
    default: 0
"""
