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
  health_path:
    description: The path below O(url) that answers 200 and a JSON object with the running image's digest as
      C(image).
    type: str
    default: /health
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
