"""The tables that the service uses. ``migrations/`` makes them; this is how the program sees them."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Computed,
    DateTime,
    Double,
    Enum,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Numeric,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ACTIVITY_TYPES = ("Ki", "Kd", "IC50", "EC50", "AC50", "mechanism", "other")


class Base(DeclarativeBase):
    """Everything below; constraints are named alike so that a migration can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Compound(Base):
    """A ligand, once per standardised structure. Its id is its id in the search index."""

    __tablename__ = "compounds"
    __table_args__ = (
        Index(None, "properties", postgresql_using="gin"),
        {"comment": "Ligands, once per standardised structure; id is the id in the search index"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text, index=True)
    smiles: Mapped[str] = mapped_column(Text, unique=True)
    formula: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    properties: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class Target(Base):
    """A protein, by its UniProt accession."""

    __tablename__ = "targets"
    __table_args__ = {"comment": "Proteins by UniProt accession"}  # noqa: RUF012 - SQLAlchemy's own way

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    accession: Mapped[str] = mapped_column(Text, unique=True)
    symbol: Mapped[str] = mapped_column(Text, index=True)
    name: Mapped[str] = mapped_column(Text)


class Ingest(Base):
    """One file that was ingested, by the SHA-256 of its bytes."""

    __tablename__ = "ingests"
    __table_args__ = {"comment": "Files that were taken in, by SHA-256"}  # noqa: RUF012 - as above

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    sha256: Mapped[str] = mapped_column(Text, unique=True)
    file_name: Mapped[str] = mapped_column(Text)
    rows_accepted: Mapped[int]
    rows_rejected: Mapped[int]
    ingested_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Interaction(Base):
    """A compound is known to act on a target, as one source measured it.

    ``value_nm`` is in nanomolar; ``potency`` is -log10 of the molar value (1 nM is 9), and computed.
    """

    __tablename__ = "interactions"
    __table_args__ = (
        UniqueConstraint("compound_id", "target_id", "activity_type", "source"),
        {"comment": "A compound acts on a target, as one source measured it"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    compound_id: Mapped[int] = mapped_column(ForeignKey("compounds.id"), index=True)
    target_id: Mapped[int] = mapped_column(ForeignKey("targets.id"), index=True)
    ingest_id: Mapped[int] = mapped_column(ForeignKey("ingests.id"), index=True)
    activity_type: Mapped[str] = mapped_column(Enum(*ACTIVITY_TYPES, name="activity_type", create_type=False))
    value_nm: Mapped[Decimal | None] = mapped_column(Numeric)
    potency: Mapped[Decimal | None] = mapped_column(
        Numeric, Computed("round(9 - log(value_nm), 3)", persisted=True)
    )
    source: Mapped[str] = mapped_column(Text)


class Ranking(Base):
    """One answer that was given: production's own writes."""

    __tablename__ = "rankings"
    __table_args__ = {"comment": "Answers that were given"}  # noqa: RUF012 - as above

    id: Mapped[uuid.UUID] = mapped_column(UUID(as_uuid=True), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), index=True
    )
    smiles: Mapped[str] = mapped_column(Text)
    top_k: Mapped[int]
    model_version: Mapped[str] = mapped_column(Text)
    results: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    milliseconds: Mapped[float] = mapped_column(Double)
