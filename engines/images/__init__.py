"""Container images without a daemon: built reproducibly, pushed by digest, nothing sent twice."""

from engines.images.apply import publish
from engines.images.cache import Cache
from engines.images.ecr import Repository
from engines.images.errors import ImageError, RegistryError, RepositoryMissingError
from engines.images.model import Platform
from engines.images.recipe import Package, Recipe
from engines.images.results import Published

__all__ = [
    "Cache",
    "ImageError",
    "Package",
    "Platform",
    "Published",
    "Recipe",
    "RegistryError",
    "Repository",
    "RepositoryMissingError",
    "publish",
]
