"""``s3_mirror`` and ``s3_compare`` as Ansible calls them: contract, check mode, no secret in sight."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import uuid
from pathlib import Path

import boto3
import pytest
from ansible.module_utils.testing import patch_module_args

from tests.library.modules import undocumented
from tests.local_clients import client

ROOT = Path(__file__).parents[2]
SECRET = "never-to-be-shown"


def load(name):
    specification = importlib.util.spec_from_file_location(name, ROOT / "library" / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


MODULES = {name: load(name) for name in ("s3_mirror", "s3_compare")}


@pytest.fixture
def sandbox(object_store, aws, tmp_path, monkeypatch, capfd):
    """Return a source with three objects, a target without any, and how to call a module with them."""
    made = Sandbox(object_store, aws, tmp_path, monkeypatch, capfd)
    yield made
    # Each bucket of SeaweedFS takes volumes, of which there are a hundred.
    made.old.delete_bucket(Bucket=made.name)
    made.old.close()
    made.new.close()


class Sandbox:
    def __init__(self, object_store, aws, folder, monkeypatch, capfd):
        self.capfd = capfd
        self.folder = folder
        self.name = f"m-{uuid.uuid4().hex[:8]}"
        self.old = client(object_store.endpoint, (object_store.access_key, object_store.secret_key))
        self.new = boto3.client("s3")
        for each in (self.old, self.new):
            each.create_bucket(Bucket=self.name)
        for key in ("one", "two", "three"):
            self.old.put_object(Bucket=self.name, Key=key, Body=key.encode())
        monkeypatch.setenv("STORE_SECRET", object_store.secret_key)
        self.source = {
            "endpoint": object_store.endpoint,
            "access_key": object_store.access_key,
            "secret_key": "env:STORE_SECRET",
            "bucket": self.name,
        }
        self.target = {"bucket": self.name}

    def call(self, name, *, check=False, **arguments):
        """Return what the module answers, and all that it printed."""
        given = {
            "source": self.source,
            "target": self.target,
            "manifest": str(self.folder / "m" / "manifest"),
        }
        given = {key: value for key, value in (given | arguments).items() if value is not None}
        with patch_module_args(given | {"_ansible_check_mode": check}), pytest.raises(SystemExit):
            MODULES[name].main()
        answer, beside = self.capfd.readouterr()
        returned = json.loads(answer.splitlines()[-1])
        assert list(undocumented(name, returned)) == []
        return returned, answer + beside

    def keys(self):
        return [found["Key"] for found in self.new.list_objects_v2(Bucket=self.name).get("Contents", ())]


def test_check_then_real_then_repeat(sandbox):
    planned, _ = sandbox.call("s3_mirror", check=True)
    assert (planned["changed"], planned["plan"]["copy"], planned["copied"]) == (True, 3, 0)
    assert planned["diff"]["before"] != planned["diff"]["after"]
    assert sandbox.keys() == []
    assert list(sandbox.folder.iterdir()) == []
    done, _ = sandbox.call("s3_mirror")
    assert (done["changed"], done["copied"], done["bytes"]) == (True, 3, 11)
    assert done["manifest"]["objects"] == 3
    assert Path(done["manifest"]["path"]).exists()
    assert sandbox.keys() == ["one", "three", "two"]
    for check in (True, False):
        again, _ = sandbox.call("s3_mirror", check=check)
        assert (again["changed"], again["copied"], again["plan"]["equal"]) == (False, 0, 3)
        assert again["diff"]["before"] == again["diff"]["after"]
        assert again["manifest"] == done["manifest"]
    compared, _ = sandbox.call("s3_compare")
    assert (compared["changed"], compared["is_equal"], compared["counts"]["equal"]) == (False, True, 3)
    assert compared["evidence"]["manifest_sha256"] == done["manifest"]["sha256"]


def test_what_is_not_ours_is_refused_with_words_and_fields(sandbox):
    sandbox.new.put_object(Bucket=sandbox.name, Key="one", Body=b"a user's own")
    planned, text = sandbox.call("s3_mirror", check=True)
    assert not planned["changed"]
    assert planned["refused"]
    assert "would be refused" in text
    answer, _ = sandbox.call("s3_mirror")
    assert answer["failed"]
    assert "'one'" in answer["msg"]
    assert answer["details"]["examples"]["differs"][0]["key"] == "one"
    assert sandbox.keys() == ["one"]
    replaced, _ = sandbox.call("s3_mirror", on_target_difference="replace", consent=sandbox.name)
    assert replaced["copied"] == 3


def test_a_comparison_that_had_to_be_equal_fails_with_the_whole_of_it(sandbox):
    sandbox.call("s3_mirror")
    sandbox.new.delete_object(Bucket=sandbox.name, Key="two")
    answer, _ = sandbox.call("s3_compare")
    assert answer["failed"]
    assert "1 missing (such as 'two'" in answer["msg"]
    assert answer["details"]["missing"][0]["key"] == "two"
    allowed, _ = sandbox.call("s3_compare", require_equal=False)
    assert (allowed.get("failed", False), allowed["is_equal"]) == (False, False)
    audited, _ = sandbox.call("s3_compare", source=None, require_equal=False)
    assert audited["counts"]["missing"] == 1


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("how", ["value", "reference"])
def test_no_secret_is_shown_when_it_goes_wrong(sandbox, name, how, monkeypatch):
    monkeypatch.setenv("WRONG_SECRET", SECRET)
    secret = SECRET if how == "value" else "env:WRONG_SECRET"
    answer, text = sandbox.call(name, source=sandbox.source | {"secret_key": secret, "access_key": "nobody"})
    assert answer["failed"]
    assert "InvalidAccessKeyId" in answer["msg"]
    assert SECRET not in text


def test_a_reference_to_nothing_is_named(sandbox):
    answer, _ = sandbox.call("s3_mirror", source=sandbox.source | {"secret_key": "env:NOT_SET_ANYWHERE"})
    assert answer["msg"] == "environment variable NOT_SET_ANYWHERE: is not set. Export it."


@pytest.fixture
def second(sandbox):
    """Return the name of a second pair of buckets, with one object."""
    name = f"{sandbox.name}-2"
    for each in (sandbox.old, sandbox.new):
        each.create_bucket(Bucket=name)
    sandbox.old.put_object(Bucket=name, Key="four", Body=b"4444")
    yield name
    sandbox.old.delete_bucket(Bucket=name)


def several(sandbox, second):
    sides = {key: value for key, value in sandbox.source.items() if key != "bucket"}
    buckets = [{"name": name, "source": name, "target": name} for name in (sandbox.name, second)]
    return {"source": sides, "target": {}, "buckets": buckets, "manifest": str(sandbox.folder / "proofs")}


def test_several_buckets_are_moved_and_compared_in_one_call(sandbox, second):
    options = several(sandbox, second)
    planned, _ = sandbox.call("s3_mirror", check=True, **options)
    assert (planned["changed"], planned["plan"]["copy"], len(planned["diff"])) == (True, 4, 2)
    done, _ = sandbox.call("s3_mirror", **options)
    assert (done["changed"], done["copied"], done["bytes"]) == (True, 4, 15)
    assert {name: one["copied"] for name, one in done["buckets"].items()} == {sandbox.name: 3, second: 1}
    assert (sandbox.folder / "proofs" / f"{second}.jsonl.zst").exists()
    compared, _ = sandbox.call("s3_compare", **options)
    assert (compared["is_equal"], compared["counts"]["equal"]) == (True, 4)
    assert compared["buckets"][second]["evidence"]["equal"] == 1
    sandbox.new.put_object(Bucket=second, Key="extra", Body=b"")
    found, _ = sandbox.call("s3_compare", **options, require_equal=False)
    assert (found["is_equal"], found["buckets"][sandbox.name]["is_equal"]) == (False, True)


def test_one_bucket_that_is_refused_does_not_stop_the_others(sandbox, second):
    options = several(sandbox, second)
    for name in (sandbox.name, second):
        sandbox.new.put_object(Bucket=name, Key="own", Body=b"own")
    refused, _ = sandbox.call("s3_mirror", **options)
    assert refused["msg"].count("'own'") == 2
    assert refused["details"].keys() == {sandbox.name, second}
    half, _ = sandbox.call("s3_mirror", **options, delete_extraneous=True, consent=[second])
    assert half["failed"]
    assert f"{sandbox.name}: 1 object(s) ('own')" in half["msg"]
    listed = sandbox.new.list_objects_v2(Bucket=second)["Contents"]
    assert [found["Key"] for found in listed] == ["four"]
    assert sandbox.keys() == ["own"]
    wrong, _ = sandbox.call("s3_mirror", **options, consent=["elsewhere"])
    assert "names elsewhere, which is no target bucket" in wrong["msg"]
    both, _ = sandbox.call("s3_mirror", **{**options, "target": sandbox.target})
    assert "Name it in one place" in both["msg"]


def test_the_role_moves_compares_and_changes_nothing_twice(sandbox, tmp_path):
    evidence = {"content": "{{ storage_evidence }}", "dest": str(tmp_path / "evidence"), "mode": "0600"}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "roles": ["storage"],
        "vars": {
            "storage_source": {key: value for key, value in sandbox.source.items() if key != "bucket"},
            "storage_buckets": [{"name": "raw", "source": sandbox.name, "target": sandbox.name}],
            "storage_manifest_dir": str(tmp_path / "manifests"),
        },
        "post_tasks": [
            {"name": "Keep the evidence", "ansible.builtin.copy": evidence, "changed_when": False}
        ],
    }
    (tmp_path / "play.json").write_text(json.dumps([play]))

    def run(*options, **variables):
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-vvv", str(tmp_path / "play.json")]
        variables["ansible_python_interpreter"] = sys.executable
        extra = ["-i", "localhost,", "-e", json.dumps(variables), *options]
        done = subprocess.run([*command, *extra], cwd=ROOT, capture_output=True, text=True, check=False)
        assert "minioadmin" not in done.stdout + done.stderr
        return done

    planned = run("--check", "--diff")
    assert "changed=1 " in planned.stdout, planned.stdout
    assert sandbox.keys() == []
    first = run()
    assert "changed=1 " in first.stdout, first.stdout
    assert json.loads((tmp_path / "evidence").read_text())["buckets"]["raw"]["equal"] == 3
    assert sandbox.keys() == ["one", "three", "two"]
    again = run()
    assert "changed=0 " in again.stdout
    assert "failed=0 " in again.stdout
    sandbox.old.put_object(Bucket=sandbox.name, Key="late", Body=b"late")
    frozen = run(storage_frozen=True)
    assert "nothing is copied" in frozen.stdout
    assert "changed=0 " in frozen.stdout
    assert "failed=0 " in frozen.stdout
    assert sandbox.keys() == ["one", "three", "two"]
    sandbox.new.put_object(Bucket=sandbox.name, Key="own", Body=b"own")
    refused = run()
    assert "failed=1 " in refused.stdout
    assert "'own'" in refused.stdout
    assert "failed=0 " in run(storage_source={}).stdout
