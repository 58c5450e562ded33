import pytest

from engines.errors import ConfigurationError
from engines.policy import model

VALUES = {
    "Name": "bmii",
    "Environment": "here",
    "Account": "123456789012",
    "Region": "eu-west-1",
    "Partition": "aws",
}


def statement(sid, *actions, effect="Allow", resource="*"):
    return {"Sid": sid, "Effect": effect, "Action": list(actions), "Resource": resource}


def test_placeholders_get_their_values_wherever_they_stand():
    policy = model.document(
        [statement("A", "s3:GetObject", resource="arn:${Partition}:s3:::${Name}-${Environment}/*")]
    )
    filled = model.fill(policy, VALUES)
    assert filled["Statement"][0]["Resource"] == "arn:aws:s3:::bmii-here/*"
    assert "${Name}" in policy["Statement"][0]["Resource"]


def test_a_placeholder_without_a_value_is_named():
    with pytest.raises(ConfigurationError, match="Account, Region"):
        model.fill(model.document([]), {**VALUES, "Account": "", "Region": ""})


def test_pieces_keep_every_statement_in_order_and_the_limit():
    statements = [
        statement(f"S{number}", "s3:GetObject", f"ec2:Describe{'x' * number}") for number in range(20)
    ]
    pieces = model.split(model.document(statements), limit=400)
    assert [one for piece in pieces for one in piece["Statement"]] == statements
    assert len(pieces) > 1
    assert max(model.size(piece) for piece in pieces) <= 400


def test_a_statement_that_no_policy_takes_is_named():
    with pytest.raises(ConfigurationError, match="statement Large"):
        model.split(model.document([statement("Large", "s3:" + "x" * 400)]), limit=400)


def test_an_action_is_taken_out_wherever_it_is_allowed_and_stays_denied():
    policy = model.document(
        [
            statement("A", "s3:GetObject", "s3:PutObject"),
            statement("B", "s3:PutObject"),
            statement("C", "s3:PutObject", effect="Deny"),
        ]
    )
    left = model.without(policy, "s3:PutObject")["Statement"]
    assert [(one["Sid"], one["Action"]) for one in left] == [("A", ["s3:GetObject"]), ("C", ["s3:PutObject"])]
