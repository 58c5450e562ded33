"""``python -m bench.deploy_run ENDPOINT REPOSITORY CACHE``: build and push the image, as the role does."""

from __future__ import annotations

import sys
from pathlib import Path

from engines.images import Cache, Package, Platform, Recipe, Repository, publish

SERVICE = Path(__file__).parent.parent / "service"


def main(endpoint: str, repository: str, cache: str) -> None:
    """Do it once."""
    recipe = Recipe(
        packages=(Package(SERVICE / "bmii", "/app/bmii"),),
        requirements=SERVICE / "requirements.lock",
        python_version=f"{sys.version_info.major}.{sys.version_info.minor}",
        platform=Platform.parse("linux/amd64"),
        labels={},
        entrypoint=("python3", "-m", "bmii", "serve"),
        compression="zstd",
        base="",
    )
    url = f"{endpoint.removeprefix('http://')}/{repository}"
    publish(recipe, Repository.locate(url, repository, endpoint), Cache(Path(cache)))


if __name__ == "__main__":
    main(*sys.argv[1:])
