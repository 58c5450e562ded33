"""The decision for each object (copy, keep, read …): a pure function of both listings and the proofs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from engines.objects.manifest import Record
from engines.objects.s3 import Entry

# At most so many keys are listed in a message.
EXAMPLES = 10


class Verdict(StrEnum):
    """What the two listings and the record say of one object."""

    COPY = "copy"
    EQUAL = "equal"
    DIFFERS = "differs"
    EXTRA = "extra"
    UNVERIFIABLE = "unverifiable"
    # Both sides have it and nothing proves it equal: it has to be read.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and its reason, as text."""

    verdict: Verdict
    reason: str = ""


def decide(source: Entry | None, target: Entry | None, record: Record | None) -> Decision | None:
    """Return what is to be done with one object, or None when neither side has it any more.

    A record proves an object only while both sides list it exactly as recorded. What the target lists as
    recorded was written by this migration, so it may follow the source; anything else there is
    somebody else's.
    """
    if source is None:
        return _only_on_target(target, record)
    is_own = record is not None and target is not None and record.target_is(target)
    unchanged = record is not None and record.source_is(source)
    if is_own and unchanged:
        return Decision(Verdict.EQUAL)
    if is_own:
        return Decision(Verdict.COPY, "has changed in the source since it was copied")
    return _unproven(source, target)


def _unproven(source: Entry, target: Entry | None) -> Decision:
    if target is None:
        return Decision(Verdict.COPY, "is not on the target")
    if source.size != target.size:
        return Decision(Verdict.DIFFERS, f"size: {source.size} in the source, {target.size} on the target")
    return Decision(Verdict.UNKNOWN)


def _only_on_target(target: Entry | None, record: Record | None) -> Decision | None:
    if target is None:
        return None
    if record is not None and record.target_is(target):
        return Decision(Verdict.EXTRA, "was copied, and has left the source since")
    return Decision(Verdict.EXTRA, "was not put there by the migration")


@dataclass
class Tally:
    """Objects counted by verdict: numbers, bytes, and the first few keys of each with the reason."""

    objects: dict[str, int] = field(default_factory=dict)
    size: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def add(self, kind: str, key: str, size: int, reason: str = "") -> None:
        """Count one object of ``size`` bytes."""
        self.objects[kind] = self.objects.get(kind, 0) + 1
        self.size[kind] = self.size.get(kind, 0) + size
        named = self.examples.setdefault(kind, [])
        if len(named) < EXAMPLES:
            named.append({"key": key, "reason": reason} if reason else {"key": key})

    def add_all(self, kind: str, objects: int, size: int) -> None:
        """Count objects of ``size`` bytes in all, of which none is named."""
        if objects:
            self.objects[kind] = self.objects.get(kind, 0) + objects
            self.size[kind] = self.size.get(kind, 0) + size

    def name(self, kind: str) -> None:
        """Note something that concerns no object alone."""
        self.objects.setdefault(kind, 0)

    def count(self, kind: str) -> int:
        """Return the number of objects of a kind."""
        return self.objects.get(kind, 0)


@dataclass(frozen=True)
class Rules:
    """What the operator allows. ``consent`` has to be the name of the target bucket.

    ``only_new``: users write to the target, so that only what neither it nor the manifest has is copied.
    """

    on_target_difference: str = "refuse"
    on_target_extra: str = "refuse"
    delete_extraneous: bool = False
    consent: str = ""
    only_new: bool = False

    def consents(self, bucket: str) -> bool:
        """Return whether objects of ``bucket`` may be overwritten or deleted."""
        return bool(bucket) and self.consent == bucket


def refusals(tally: Tally, rules: Rules, bucket: str) -> list[str]:
    """Return why the plan may not be carried out, a sentence for each reason; empty if it may."""
    sentences = []
    if tally.count(Verdict.DIFFERS) and not (
        rules.on_target_difference == "replace" and rules.consents(bucket)
    ):
        sentences.append(
            f"{_named(tally, Verdict.DIFFERS)} differ from the source and were not put there by the"
            f" migration; storage_on_target_difference: replace with storage_consent: [{bucket}]"
            " overwrites them"
        )
    if tally.count(Verdict.EXTRA):
        if rules.delete_extraneous and not rules.consents(bucket):
            sentences.append(
                f"{_named(tally, Verdict.EXTRA)} are only on the target; deleting them needs"
                f" storage_consent: [{bucket}]"
            )
        elif not rules.delete_extraneous and rules.on_target_extra == "refuse":
            sentences.append(
                f"{_named(tally, Verdict.EXTRA)} are only on the target; storage_on_target_extra: keep leaves"
                f" them, storage_delete_extraneous: true with storage_consent: [{bucket}] removes them"
            )
    return sentences


def _named(tally: Tally, verdict: Verdict) -> str:
    count, named = tally.count(verdict), tally.examples.get(verdict, [])
    keys = ", ".join(repr(example["key"]) for example in named)
    return f"{count} object(s) ({keys}{', …' if count > len(named) else ''})"
