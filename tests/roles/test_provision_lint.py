"""The stack's template as a text: whole, within one request, and without a finding from cfn-lint."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from engines.stack import Bucket, merge, with_buckets

ROLE = Path(__file__).parents[2] / "roles" / "provision"


NAME = "stacktest"


BUCKETS = ("raw", "processed", "artifacts", "features")


@pytest.fixture(scope="module")
def template():
    """The template of the parts that the role names, in its order."""
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    parts = merge([ROLE / "files" / part for part in variables["_provision_template_parts"]])
    return with_buckets(parts, [Bucket(name, f"{NAME}-{name}") for name in BUCKETS])


def _parts():
    return yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))[
        "_provision_template_parts"
    ]


def test_every_part_is_applied():
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))

    assert sorted(variables["_provision_template_parts"]) == sorted(
        path.name for path in (ROLE / "files").glob("*.yml")
    )


def test_every_parameter_is_given_by_the_role(template):
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))

    assert set(variables["_provision_template_parameters"]) == set(template["Parameters"])


def _many(number):
    """Return so many entries, with everything that one may say, of which some share a bucket."""
    rules = ({"Id": "old", "Status": "Enabled", "ExpirationInDays": 30},)
    return [
        Bucket(
            f"kind-{one}",
            f"{NAME}-{'shared' if one in (1, 2) else 'a-bucket-with-a-rather-long-name-' + str(one)}",
            prefix=f"kind-{one}/" if one in (1, 2, 3) else "",
            versioning=one % 3 > 0,
            lifecycle=rules if one % 2 else (),
            access=("write", "read", "none")[one % 3],
        )
        for one in range(number)
    ]


def test_cfn_lint_has_no_finding(template, tmp_path):
    # One process for all: it loads its specification for seconds.
    paths = [tmp_path / f"{number}-buckets.json" for number in (0, 1, 4, 40)]
    for number, path in zip((0, 1, 4, 40), paths, strict=True):
        parts = merge(ROLE / "files" / one for one in _parts())
        path.write_text(json.dumps(with_buckets(parts, _many(number))), encoding="utf-8")
    program = Path(sys.executable).parent / "cfn-lint"

    done = subprocess.run([program, "--info", *paths], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_every_finding_that_is_accepted_has_its_reason_beside_it(template):
    accepted = [
        (name, answer)
        for name, resource in template["Resources"].items()
        for answer in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]

    assert accepted
    assert [
        (name, answer["id"]) for name, answer in accepted if len(answer.get("comment", "").split()) < 5
    ] == []


def test_it_fits_into_one_request(template):
    assert len(json.dumps(template, separators=(",", ":"))) < 51_200


def test_no_parameter_is_a_secret(template):
    assert not [name for name in template["Parameters"] if "password" in name.lower()]
    assert "{{resolve:ssm-secure:" in json.dumps(template["Resources"]["Database"])
