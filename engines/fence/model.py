"""The fence as data: its terms, and its state in a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from engines.postgres.catalog import FENCE

SCHEMA = FENCE
FUNCTION = "refuse"
TRIGGER = FENCE
# Two numbers of this tool's own. While a session holds this lock, the triggers refuse.
KEY = (0x626D6969, 0x66656E63)
# Who puts the fence up, holds or removes it has this one, so that nobody does so at the same time.
CLAIM_KEY = (0x626D6969, 0x636C6169)
# What PostgreSQL answers to a write in a read-only transaction: clients know what to make of it.
SQLSTATE = "25006"

Name = tuple[str, str]  # schema and table
Mode = Literal["absent", "held", "lasting", "open"]
"""``held`` refuses while its holder lives, ``lasting`` until it is lifted; ``open`` lets all pass."""


@dataclass(frozen=True)
class Terms:
    """Who puts the fence up, and for how long; all times in seconds.

    ``lease`` is how long it outlives a holder that shows no sign of life, ``limit`` how long it is held at
    most, ``patience`` how long writers are waited for. ``end_idle``: sessions that are idle in a transaction
    may be ended after that. ``schemas`` and ``exclude_tables`` are those of the copy. ``ledger`` is the state
    bucket of the migration: two accounts may both have an environment of this name.
    """

    run_id: str
    environment: str = ""
    lease: float = 60.0
    limit: float = 3600.0
    patience: float = 30.0
    end_idle: bool = False
    schemas: tuple[str, ...] = ()
    exclude_tables: tuple[str, ...] = ()
    ledger: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Terms:
        """Read what ``to_dict`` wrote."""
        lists = {name: tuple(data[name]) for name in ("schemas", "exclude_tables")}
        return cls(**{**data, **lists})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able data."""
        return asdict(self)


@dataclass(frozen=True)
class Writer:
    """A session that holds what the fence waits for."""

    pid: int
    user: str
    application: str
    client: str
    state: str
    since: str

    def __str__(self) -> str:
        """Describe the session in one phrase."""
        who = f"{self.application or 'a session'} of {self.user} from {self.client or 'the server itself'}"
        return f"process {self.pid} ({who}), {self.state} since {self.since}"


@dataclass(frozen=True)
class Found:
    """The state of a fence in a database.

    ``run_id``, ``environment``, ``ledger`` and ``since`` are those of who put it up. ``tables`` are those
    that it has to cover, ``bare`` those of them without its trigger, ``covered`` all with it. ``holder``
    is the server's process that holds its lock; 0 for none. ``prepared`` are prepared transactions,
    ``subscriptions`` active subscriptions of logical replication, ``foreign`` tables that the user does
    not own.
    """

    mode: Mode = "absent"
    run_id: str = ""
    environment: str = ""
    ledger: str = ""
    since: str = ""
    tables: tuple[Name, ...] = ()
    bare: tuple[Name, ...] = ()
    covered: tuple[Name, ...] = ()
    holder: int = 0
    prepared: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    foreign: tuple[Name, ...] = ()
    may_create: bool = True
    database: str = ""

    @property
    def refuses(self) -> bool:
        """Whether writers are refused now."""
        return self.mode == "lasting" or (self.mode == "held" and bool(self.holder))

    def is_of(self, terms: Terms) -> bool:
        """Whether the migration of ``terms`` put it up."""
        same_ledger = not self.ledger or not terms.ledger or self.ledger == terms.ledger
        return self.environment == terms.environment and same_ledger

    @property
    def place(self) -> str:
        """Where the database was moved to, for a message."""
        at = f" (state bucket {self.ledger})" if self.ledger else ""
        return f"{self.environment or 'another place'}{at}"
