"""The page that is signed: from the plans of the phases, to data, to lines."""

from __future__ import annotations

import copy

import pytest

from engines.migration_plan.plan import Place, summarise
from engines.migration_plan.results import lines

PLACE = Place("local", "000000000000", "us-east-1")
SIZES = [
    {"type": "AWS::EC2::NatGateway", "logical_id": "NatGateway"},
    {"type": "AWS::EC2::EIP", "logical_id": "NatAddress"},
    {
        "type": "AWS::RDS::DBInstance", "logical_id": "Database", "DBInstanceClass": "db.t4g.medium",
        "AllocatedStorage": "20", "MultiAZ": "false",
    },
    {
        "type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "logical_id": "Balancer",
        "Scheme": "internet-facing", "Subnets": [{"Ref": "A"}, {"Ref": "B"}],
    },
    {"type": "AWS::EC2::VPCEndpoint", "logical_id": "S3Endpoint", "VpcEndpointType": "Gateway"},
]  # fmt: skip


def _change(action, kind, name, *properties, left="", data=False, doubtful=False):
    return {
        "action": action, "type": kind, "logical_id": name, "properties": list(properties), "left": left,
        "doubtful": doubtful, "endangers_data": data,
    }  # fmt: skip


EMPTY = {
    "provision": {
        "stack": {
            "name": "bmii", "exists": False, "status": "", "note": "", "settings": [], "sizes": SIZES,
            "resources": ["RawBucket", "Vpc"],
            "changes": [
                _change("add", "AWS::S3::Bucket", "RawBucket"), _change("add", "AWS::EC2::VPC", "Vpc"),
            ],
        },
        "change_set": [], "adopted": ["bmii-raw"],
        "secrets": [{"name": "/bmii/local/API_KEY", "action": "created", "version": 0}],
        "outputs": {"alb_url": "http://known", "vpc_id": "known after apply"},
    },
    "database": {
        "frozen": False, "situation": "absent", "not_copied": [], "differences": 0,
        "tables": [
            {"schema": "public", "name": "t", "rows": 1500, "bytes": 2048, "action": "copy", "counted": True}
        ],
        "revisions": [{"revision": "0004", "title": "Rankings by time"}], "revision": "0004",
        "grants": ["Create the role bmii_app"],
    },
    "storage": {
        "frozen": False, "replaces": False, "deletes": False, "targets": {"raw": "bmii-raw"},
        "buckets": {
            "raw": {
                "plan": {"copy": 3, "equal": 1, "differs": 2}, "plan_bytes": {"copy": 1 << 20, "equal": 9},
                "refused": ["2 objects differ"],
                "not_copied": [{"what": "older versions", "objects": 3, "examples": []},
                               {"what": "bucket: 2 CORS rules: do", "objects": 0, "examples": []}],
            }
        },
    },
    "container": {
        "image": "", "source_digest": "sha256:0123456789abcdef", "changed": True, "tags": ["source-0"],
        "builder": "oci",
    },
    "deploy": {
        "service": "bmii", "actions": ["register a revision of bmii", "create service bmii"], "cpu": 1024,
        "memory": 2048, "tasks": 1, "platform": "linux/amd64",
    },
}  # fmt: skip


def _finished():
    phases = copy.deepcopy(EMPTY)
    phases["provision"]["stack"] |= {"exists": True, "status": "CREATE_COMPLETE", "changes": []}
    phases["provision"]["secrets"][0]["action"] = "unchanged"
    phases["provision"]["outputs"] = {}
    phases["database"] |= {"frozen": True, "tables": [], "revisions": [], "grants": [], "differences": 2}
    phases["storage"] |= {
        "frozen": True,
        "buckets": {"raw": {"counts": {}, "evidence": {"equal": 4, "bytes": 99}}},
    }
    phases["container"] |= {"image": "host/bmii@sha256:1", "changed": False, "tags": []}
    phases["deploy"]["actions"] = []
    return phases


def test_on_an_empty_account_everything_is_named():
    plan = summarise(EMPTY, PLACE)
    page = " ".join(" ".join(lines(plan)).split())
    assert max(map(len, lines(plan))) <= 110
    assert plan["changes"]
    for said in (
        "resources 2 to add; 1 secret; 1 table; 1 revision; 3 objects; an image; a release",
        "stack bmii (does not exist yet): 2 to add",
        "+ AWS::S3::Bucket  RawBucket",
        "= bucket bmii-raw is imported with its objects",
        "+ /bmii/local/API_KEY",
        "1 table, 1,500 rows (2.0 KiB) to copy",
        "revision 0004  Rankings by time",
        "+ Create the role bmii_app",
        "3 objects     1.0 MiB   (1 there already)",
        "not copied of bmii-raw: older versions (3)",
        "not copied of bmii-raw: bucket: 2 CORS rules: do",
        "a run would be refused: 2 objects differ",
        "to build (oci) and push, from sources sha256:0123456789ab; its digest is known after apply",
        "+ create service bmii",
        "the service goes live",
        "1 schema revision(s): they go forward only",
        "NAT gateway",
        "list prices of us-east-1 of 20",
        "at 100 Mbit/s",
    ):
        assert " ".join(said.split()) in page, page
    assert plan["known_after_apply"] == ["vpc_id", "image"]
    assert plan["infrastructure"]["counts"] == {"add": 2, "change": 0, "replace": 0, "delete": 0}


def test_on_a_finished_account_nothing_is_to_do():
    plan = summarise(_finished(), PLACE)
    page = lines(plan)
    assert not plan["changes"]
    assert page[0] == "A run would change nothing in local (account 000000000000, us-east-1)."
    text = "\n".join(page)
    assert "serves users, so its rows are left as they are; it differs" in text
    assert "is there: host/bmii@sha256:1" in text
    assert "IRREVERSIBLE" not in text
    assert "KNOWN AFTER APPLY" not in text


@pytest.mark.parametrize(("action", "word"), [("replace", "REPLACED"), ("delete", "DELETED")])
def test_what_endangers_data_is_loud(action, word):
    phases = _finished()
    change = _change(action, "AWS::S3::Bucket", "RawBucket", "BucketName", left="kept", data=True)
    phases["provision"]["stack"]["changes"] = [change]
    plan = summarise(phases, PLACE)
    page = lines(plan)
    assert page[2] == "!! 1 change(s) ENDANGER DATA: read IRREVERSIBLE below."
    assert plan["irreversible"] == [f"DATA: AWS::S3::Bucket RawBucket would be {word} (kept)"]
    assert any(line.endswith("AWS::S3::Bucket RawBucket: BucketName; kept  !! DATA") for line in page)


def test_rows_and_objects_that_would_be_lost_are_loud():
    phases = _finished()
    phases["database"]["tables"] = [EMPTY["database"]["tables"][0] | {"action": "replace"}]
    phases["storage"] = copy.deepcopy(EMPTY["storage"]) | {"replaces": True}
    plan = summarise(phases, PLACE)
    assert [one.partition(":")[0] for one in plan["irreversible"]] == ["DATA", "DATA"]
    assert "public.t" in plan["irreversible"][0]
    assert plan["storage"]["objects"] == 5


def test_an_unfinished_stack_is_reported_and_is_something_to_do():
    phases = _finished()
    phases["provision"]["stack"] |= {"note": "AWS is still at work on it"}
    plan = summarise(phases, PLACE)
    assert plan["changes"]
    assert "  * AWS is still at work on it" in lines(plan)


def test_a_phase_that_was_not_planned_is_left_out():
    plan = summarise({"provision": {}, "deploy": EMPTY["deploy"]}, PLACE)
    assert plan["phases"] == ["deploy"]
    assert not {"infrastructure", "secrets", "cost"} & set(plan)
    assert "SERVICE  bmii" in "\n".join(lines(plan))


def test_rows_that_were_not_counted_are_about():
    phases = copy.deepcopy(EMPTY)
    phases["database"]["tables"][0]["counted"] = False
    assert "about 1,500 rows" in "\n".join(lines(summarise(phases, PLACE)))


def test_a_change_set_takes_the_place_of_the_comparison():
    phases = _finished()
    phases["provision"]["change_set"] = [
        {
            "ResourceChange": {
                "Action": "Modify", "LogicalResourceId": "RawBucket", "ResourceType": "AWS::S3::Bucket",
                "Replacement": "True",
                "Details": [{"Target": {"Attribute": "Properties", "Name": "BucketName"}}],
            }
        }
    ]  # fmt: skip
    plan = summarise(phases, PLACE)
    assert plan["infrastructure"]["source"] == "change set"
    assert plan["infrastructure"]["counts"]["replace"] == 1
    assert plan["irreversible"]


def test_the_cost_is_of_a_date_a_region_and_what_is_built():
    cost = summarise(EMPTY, PLACE)["cost"]
    items = {one["what"]: one["monthly_usd"] for one in cost["items"]}
    assert items["NAT gateway"] == 32.85
    assert items["RDS db.t4g.medium, one zone"] == 47.45
    assert items["Fargate, 1 task(s) of 1 vCPU and 2 GB"] == 36.04
    assert items["public IPv4 address (2)"] == 10.95
    assert cost["monthly_usd"] == pytest.approx(sum(items.values()), abs=0.02)
    assert (cost["region"], cost["priced_as"]) == ("us-east-1", "us-east-1")
    assert cost["as_of"]
    assert all(source.startswith("https://aws.amazon.com/") for source in cost["sources"])


def test_two_zones_cost_twice_as_much():
    phases = copy.deepcopy(EMPTY)
    phases["provision"]["stack"]["sizes"][2]["MultiAZ"] = "true"
    items = {one["what"]: one["monthly_usd"] for one in summarise(phases, PLACE)["cost"]["items"]}
    assert items["RDS db.t4g.medium, two zones"] == 94.9
    assert items["RDS storage, 20 GB, two zones"] == 4.6


def test_what_has_no_price_is_said():
    phases = copy.deepcopy(EMPTY)
    phases["provision"]["stack"]["sizes"][2]["DBInstanceClass"] = "db.x9.large"
    plan = summarise(phases, Place("p", "1", "mars-north-1"))
    page = "\n".join(lines(plan))
    assert plan["cost"]["unknown"] == ["RDS db.x9.large"]
    assert "without a price: RDS db.x9.large" in page
    assert "since the table has none of mars-north-1" in page
