"""The two sides of a copy between S3 stores, of one bucket or of several."""

from __future__ import annotations

_SIDE = """
      bucket:
        description: The bucket's name. Empty with O(buckets), and only then.
        type: str
        default: ""
      prefix:
        description: Only the objects whose keys begin with this; it is no part of an object's name on the
          other side.
        type: str
        default: ""
      endpoint:
        description: The store's URL; empty for AWS, or for what C(AWS_ENDPOINT_URL) says.
        type: str
        default: ""
      region:
        description: The region; empty for the environment's.
        type: str
        default: ""
      access_key:
        description: The access key, or where it is (C(env:NAME), C(ssm:/name)); empty for the default
          chain of credentials.
        type: str
        default: ""
      secret_key:
        description: The secret key, or where it is (C(env:NAME), C(ssm:/name)).
        type: str
        default: ""
      session_token:
        description: The token of temporary keys, or where it is (C(env:NAME), C(ssm:/name)).
        type: str
        default: ""
"""


class ModuleDocFragment:
    """What ``extends_documentation_fragment`` takes in; ``source`` is in a variant for each module."""

    DOCUMENTATION = f"""
options:
  target:
    description: The bucket of the target, which must exist. In check mode it may be missing, and counts as
      empty.
    type: dict
    required: true
    suboptions:{_SIDE}
  buckets:
    description:
      - Several buckets of the same two stores, one after the other, in one call.
      - One that fails does not stop the others. What each returns is in RV(buckets); elsewhere, numbers are
        added up and lists joined.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the pair is called in RV(buckets) and in the name of its manifest.
        type: str
        required: true
      source:
        description: The bucket of the source.
        type: str
        required: true
      target:
        description: The bucket of the target.
        type: str
        required: true
      source_prefix:
        description: Only the objects of the source whose keys begin with this; it is no part of an
          object's name on the other side.
        type: str
        default: ""
      target_prefix:
        description: What the keys of the copies begin with. Objects outside of it are not looked at.
        type: str
        default: ""
"""

    SOURCE = f"""
options:
  source:
    description: The bucket to read.
    type: dict
    required: true
    suboptions:{_SIDE}
"""

    OPTIONAL_SOURCE = f"""
options:
  source:
    description: The bucket to compare with.
    type: dict
    suboptions:{_SIDE}
"""
