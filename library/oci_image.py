#!/usr/bin/python
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Ansible module: build a Python service's container image without a daemon, and push it by digest."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: oci_image
short_description: Build a container image without a daemon, and push it by digest
version_added: "0.1.0"
author: BMII Migrate contributors (@bmii-migrate)
description:
  - Builds an OCI image of pinned wheels and the application, and pushes it to an Amazon ECR repository.
  - The same sources give the same digest, on any machine and at any time. An image that the repository
    already has is neither built nor pushed; of one that it lacks, only the layers that it lacks are sent.
  - The image bears the digest of its sources as a label, and the tag C(source-...) made from it, by which
    it is found again. The manifest is sent last, so a run that fails leaves no image behind.
  - The image holds no Python interpreter and no operating system. What runs it supplies them.
  - Endpoint, region and credentials come from the environment (C(AWS_REGION), C(AWS_PROFILE) ...).
options:
  repository_url:
    description: The repository as C(host/name), without a scheme. In check mode it may be a text without
      C(/), for a repository that has yet to be made.
    type: str
    required: true
  repository_name:
    description: The repository's name in the registry, if it is not what follows the host in
      O(repository_url).
    type: str
    default: ""
  registry:
    description: Where the registry is reached, with a scheme, if not by HTTPS at the host in
      O(repository_url). Plain HTTP is refused beyond this machine.
    type: str
    default: ""
  source_dir:
    description: The folder that relative sources in O(packages) start from.
    type: path
    required: true
  packages:
    description: The files and folders of the application. Byte code is left out.
    type: list
    elements: dict
    required: true
    suboptions:
      src:
        description: A file or folder, relative to O(source_dir) or absolute.
        type: str
        required: true
      dest:
        description: Its absolute path in the image.
        type: str
        required: true
  requirements:
    description: A lock in pip's format, every requirement with its hash. Each must have a wheel.
    type: path
    required: true
  python_version:
    description: The Python that runs the image, as C(X.Y). Empty means the one that runs this module.
    type: str
    default: ""
  platform:
    description: The platform that the image is for. It may differ from this machine's.
    type: str
    choices: [linux/amd64, linux/arm64]
    default: linux/amd64
  base:
    description: The image to build upon. Only C("") is supported, an image without a base.
    type: str
    default: ""
  entrypoint:
    description: The program that the image runs, with its arguments. Needed where the image is built.
    type: list
    elements: str
    default: []
  labels:
    description: Labels of the image. They are part of its sources, so a new value makes a new image.
      C(org.opencontainers.image.created) also becomes the moment at which it was created.
    type: dict
    default: {}
  compression:
    description: How layers are compressed. ECR and Fargate take both. Docker reads V(zstd) since 23.0.
    type: str
    choices: [zstd, gzip]
    default: zstd
  tags:
    description: Further tags, for people. Nothing is deployed by tag. C(latest) is refused.
    type: list
    elements: str
    default: []
  cache_dir:
    description: A folder of this user's for finished images and layers. It may be deleted at any time.
    type: path
    required: true
attributes:
  check_mode:
    description: Reads the sources and the registry, and writes nothing, not even to the cache.
    support: full
  diff_mode:
    description: Shows the tags of the image that the run sets.
    support: full
"""

EXAMPLES = r"""
- name: Build the service's image and push it
  oci_image:
    repository_url: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop
    source_dir: service
    packages:
      - {src: shop, dest: /app/shop}
    entrypoint: [python3, -m, shop]
    requirements: service/requirements.lock
    python_version: "3.13"
    labels:
      org.opencontainers.image.title: shop
      org.opencontainers.image.version: 1.4.0
    tags: ["1.4.0"]
    cache_dir: .cache/images
  register: image

- name: Show what is deployed
  ansible.builtin.debug:
    var: image.image
"""

RETURN = r"""
image:
  description: The image by digest. Empty in check mode while the digest is not known.
  returned: success
  type: str
  sample: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:6b86b273...
digest:
  description: The digest of the image's manifest. Empty in check mode while it is not known.
  returned: success
  type: str
  sample: sha256:6b86b273...
source_digest:
  description: The digest of everything that the image is made from.
  returned: success
  type: str
  sample: sha256:d4735e3a...
tags:
  description: Every tag that names the image, the one of its sources last.
  returned: success
  type: list
  elements: str
tags_set:
  description: Those of them that this run set (in check mode, would set).
  returned: success
  type: list
  elements: str
layers:
  description: The image's layers, lowest first. Empty in check mode while they are not known.
  returned: success
  type: list
  elements: dict
  contains:
    digest:
      description: The digest of the compressed layer.
      type: str
    size:
      description: Its size in bytes.
      type: int
    pushed:
      description: Whether this run sent it.
      type: bool
pushed_bytes:
  description: How many bytes of layers this run sent.
  returned: success
  type: int
built:
  description: Whether this run built the image (in check mode, would build it).
  returned: success
  type: bool
seconds:
  description: How long it took.
  returned: success
  type: float
"""

import platform
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from engines.contract import finish
from engines.images import Cache, Package, Platform, Recipe, Repository, publish

_TEXT = {"type": "str", "required": True}


def main() -> None:
    """Read the contract, call the engine, return."""
    module = AnsibleModule(
        argument_spec={
            "repository_url": _TEXT,
            "repository_name": {"type": "str", "default": ""},
            "registry": {"type": "str", "default": ""},
            "source_dir": {"type": "path", "required": True},
            "packages": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {"src": _TEXT, "dest": _TEXT},
            },
            "requirements": {"type": "path", "required": True},
            "python_version": {"type": "str", "default": ""},
            "platform": {"type": "str", "choices": ["linux/amd64", "linux/arm64"], "default": "linux/amd64"},
            "base": {"type": "str", "default": ""},
            "entrypoint": {"type": "list", "elements": "str", "default": []},
            "labels": {"type": "dict", "default": {}},
            "compression": {"type": "str", "choices": ["zstd", "gzip"], "default": "zstd"},
            "tags": {"type": "list", "elements": "str", "default": []},
            "cache_dir": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    finish(module, lambda: _run(module.params, check=module.check_mode))


def _run(options: dict[str, Any], *, check: bool) -> dict[str, Any]:
    url, source = options["repository_url"], Path(options["source_dir"])
    unknown = check and "/" not in url
    repository = None if unknown else Repository.locate(url, options["repository_name"], options["registry"])
    recipe = Recipe(
        packages=tuple(Package(source / each["src"], each["dest"]) for each in options["packages"]),
        requirements=Path(options["requirements"]),
        python_version=options["python_version"] or ".".join(platform.python_version_tuple()[:2]),
        platform=Platform.parse(options["platform"]),
        labels={name: str(value) for name, value in options["labels"].items()},
        entrypoint=tuple(options["entrypoint"]),
        compression=options["compression"],
        base=options["base"],
    )
    cache = Cache(Path(options["cache_dir"]))
    done = publish(recipe, repository, cache, tags=options["tags"], check=check)
    return {**done.document(), "diff": done.diff(url)}


if __name__ == "__main__":
    main()
