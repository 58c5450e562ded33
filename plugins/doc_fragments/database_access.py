"""How a database is reached that is private."""

from __future__ import annotations


class ModuleDocFragment:
    """What ``extends_documentation_fragment`` takes in."""

    DOCUMENTATION = r"""
options:
  access:
    description: The way to the database, such as one that is private. Without it, its address is a route.
    type: dict
    default: {}
    suboptions:
      mode:
        description:
          - V(relay) starts a one-off task on Fargate that forwards TCP to the database.
          - Under V(ssm) and V(bastion) a port of this machine leads there, which a command of yours keeps
            open. The message of a failure has it.
          - Under V(direct) this machine has a route to it.
        type: str
        choices: [relay, ssm, bastion, direct]
        default: direct
      ca:
        description: A file with the certificates that may have signed the database's, whose name is verified
          then. V(aws) fetches RDS's own, once. Empty leaves TLS to the address.
        type: str
        default: ""
      cache:
        description: The folder for these certificates.
        type: str
        default: ""
      port:
        description: The port of this machine under V(ssm) and V(bastion).
        type: int
        default: 0
      through:
        description: The instance or host that it leads through, for the command in a message.
        type: str
        default: ""
      relay:
        description: What a relay is started from, as the stack's outputs have it.
        type: dict
        default: {}
        suboptions:
          cluster:
            description: The ECS cluster.
            type: str
          task_definition:
            description: The task definition of relays.
            type: str
          subnets:
            description: Public subnets.
            type: list
            elements: str
          security_groups:
            description: Security groups, which admit this machine.
            type: list
            elements: str
          lease:
            description: For how many seconds it lives at most, whatever becomes of the run.
            type: int
"""
