"""What a run was configured with, as a fingerprint."""

from __future__ import annotations

from engines.ledger.fingerprint import fingerprint


def test_a_fingerprint_distinguishes_configurations_but_not_secrets() -> None:
    one = {"region": "a", "url": "postgresql://reader:one@host/db", "store": {"secret_key": "one"}}
    same = {"url": "postgresql://other:two@host/db", "store": {"secret_key": "two"}, "region": "a"}
    assert fingerprint(one) == fingerprint(same)
    assert fingerprint(one) != fingerprint({**one, "region": "b"})
    assert fingerprint(one) != fingerprint({**one, "url": "postgresql://reader:one@elsewhere/db"})


def test_a_fingerprint_is_the_same_whatever_the_order_and_the_kind_of_list() -> None:
    assert fingerprint({"a": [1, 2], "b": None}) == fingerprint({"b": None, "a": (1, 2)})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})
