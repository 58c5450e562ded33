"""The result of publishing an image."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class PushedLayer:
    """A layer of the image, and whether this run sent it."""

    digest: str
    size: int
    pushed: bool


@dataclass(frozen=True)
class Published:
    """The image, and what it took.

    ``digest`` and ``image`` are empty when, in check mode, they are known only after the build.
    """

    changed: bool
    image: str
    digest: str
    source_digest: str
    tags: tuple[str, ...]
    tags_set: tuple[str, ...]
    layers: tuple[PushedLayer, ...]
    pushed_bytes: int
    built: bool
    seconds: float

    def document(self) -> dict[str, object]:
        """Return it as plain data."""
        return asdict(self)

    def diff(self, repository: str) -> dict[str, str]:
        """Return which tags named the image before and after, one to a line."""
        known = self.digest or "the image, whose digest is known after the build"
        lines = {tag: f"{repository}:{tag} is {known}\n" for tag in self.tags}
        before = "".join(line for tag, line in lines.items() if tag not in self.tags_set)
        return {"before": before, "after": "".join(lines.values())}
