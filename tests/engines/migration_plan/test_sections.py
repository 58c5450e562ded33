"""What each phase returns of its plan, in one form."""

from __future__ import annotations

from engines.migration_plan.sections import from_change_set


def test_the_parts_of_a_change_set():
    def one(action, **more):
        return {
            "ResourceChange": {"Action": action, "LogicalResourceId": action, "ResourceType": "T", **more}
        }

    found = from_change_set([one("Remove"), one("Add"), one("Modify", Replacement="Conditional")])
    assert [(each["action"], each["doubtful"]) for each in found] == [
        ("add", False),
        ("change", True),
        ("delete", False),
    ]
