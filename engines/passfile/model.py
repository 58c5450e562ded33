"""How others log in at an address."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Login:
    """An address without its secrets. ``works`` says whether the server lets it in."""

    works: bool
    user: str
    parameters: dict[str, str]
    verifier: str = field(default="", repr=False)
