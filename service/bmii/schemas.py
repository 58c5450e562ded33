"""What the API takes and gives."""

from __future__ import annotations

import uuid

from pydantic import BaseModel, ConfigDict, Field

from bmii.chemistry import MAX_SMILES

MAX_TOP_K = 100


class RankQuestion(BaseModel):
    """A molecule, and how many targets to name."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"smiles": "CC(=O)Oc1ccccc1C(=O)O"}]}
    )

    smiles: str = Field(min_length=1, max_length=MAX_SMILES)
    top_k: int = Field(default=10, ge=1, le=MAX_TOP_K, strict=True)
    record: bool = Field(default=True, description="Keep the answer in the database.")


class LigandAnswer(BaseModel):
    """A known ligand of the target. `similarity` is Tanimoto's, 0 to 1; `value_nm` in nanomolar."""

    compound: str
    smiles: str
    similarity: float
    activity_type: str
    value_nm: float | None
    source: str


class TargetAnswer(BaseModel):
    """A target in its place, with the nearest known ligands that put it there."""

    rank: int
    accession: str = Field(description="UniProt accession")
    symbol: str = Field(description="gene symbol")
    name: str
    score: float = Field(description="similarity-ensemble score: 1 is the weight of one identical ligand")
    evidence: list[LigandAnswer]


class RankAnswer(BaseModel):
    """The targets, best first. `id` is the record's, null if the answer was not recorded."""

    id: uuid.UUID | None
    smiles: str = Field(description="the molecule in standard form")
    model_version: str
    results: list[TargetAnswer]


class ErrorDetail(BaseModel):
    """`code` is for programs, `message` for people."""

    code: str
    message: str


class ErrorAnswer(BaseModel):
    """What every 4xx and 5xx looks like."""

    error: ErrorDetail
