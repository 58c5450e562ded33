"""A document that is damaged is named, with what to do; it is never free, empty, or an unexpected error."""

from __future__ import annotations

import boto3
import pytest

from engines import ledger
from engines.ledger import LedgerError, Opening, Store
from engines.runs import Owner

US = Owner.of_this_run()
LOCK = (
    b'{"token": 1, "owner": {"user": "a", "host": "b", "pid": 1, "started": 1}, "run_id": "r", "taken": 1.0, '
)


@pytest.mark.parametrize(
    ("key", "body", "said"),
    [
        ("state.json", b"[]", "it is a list, where an object is expected"),
        ("state.json", b"{}", "phases is missing"),
        ("state.json", b'{"phases": [], "token": 1}', "phases is a list, where an object is expected"),
        ("state.json", b'{"phases": {"deploy": 7}, "token": 1}', "phases.deploy is a number"),
        ("state.json", b'{"phases": {}, "token": "1"}', "token is a text, where a number is expected"),
        ("state.json", b'{"phases": {}, "token": true}', "token is true or false"),
        ("state.json", b'{"phases": {}, "token": 1, "live_since": 5}', "live_since is a number"),
        ("state.json", b"", "is not valid JSON"),
        ("state.json", b"\xff\xfe", "is not valid JSON"),
        ("lock.json", b"{}", "token is missing"),
        ("lock.json", b"", "is not valid JSON"),
        ("lock.json", b"null", "it is null"),
        ("lock.json", LOCK + b'"lease": "300", "held": false}', "lease is a text"),
        (
            "lock.json",
            LOCK + b'"lease": 300, "held": 0}',
            "held is a number, where true or false is expected",
        ),
        (
            "lock.json",
            LOCK.replace(b'"pid": 1', b'"pid": []') + b'"lease": 300, "held": true}',
            "owner.pid is a list",
        ),
        ("runs/run-1.json", b'{"phases": []}', "phases is a list"),
    ],
)
def test_what_is_damaged_is_named_and_nothing_is_written(
    store: Store, key: str, body: bytes, said: str
) -> None:
    boto3.client("s3").put_object(Bucket=store.bucket, Key=key, Body=body)
    with pytest.raises(LedgerError) as refused:
        ledger.open_phase(store, Opening("preflight", "run-1", US))
    assert f"s3://{store.bucket}/{key}" in str(refused.value)
    assert said in str(refused.value)
    assert "previous version" in refused.value.remedy
    kept = boto3.client("s3").get_object(Bucket=store.bucket, Key=key)["Body"].read()
    assert kept == body, "the fencing token would begin anew"
