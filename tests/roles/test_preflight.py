"""Bad inventories, one fault each and several at once, are told by variable and remedy, untouched."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager

ROOT = Path(__file__).parents[2]
# Runs a module in the process that asks, as the playbooks do.
IN_WORKER = runpy.run_path(str(ROOT / "plugins/action/preflight_check.py"))
CANARY = "canary-e17b"
GOOD = {
    "platform_account_id": "123456789012",
    "platform_region": "eu-central-1",
    "platform_container_builder": "oci",
    "platform_source_url": "https://old.example.org",
    "platform_source_database": f"postgresql://reader:{CANARY}@old.example.org/bio_bind_rank",
    "platform_source_store": {
        "endpoint": "https://store.example.org",
        "access_key": "reader",
        "secret_key": CANARY,
        "region": "us-east-1",
    },
}
DATABASE = {
    "name": "bio_bind_rank",
    "user": "bmii_admin",
    "application_user": "bmii_app",
    "instance_identifier": "bmii-postgres",
}
SECRETS = [
    {"name": name, "generate": {"length": 40}} for name in ("db_password", "app_db_password", "API_KEY")
]
STORE = GOOD["platform_source_store"]
BUCKETS = [{"name": one, "source": one, "target": f"bmii-{one}"} for one in ("raw", "processed")]


def _database(**changes):
    return {"provision_database": {**DATABASE, **changes}}


def _secret(**way):
    return {"provision_secrets": [*SECRETS[:2], {"name": "API_KEY", **way}]}


def _password(value):
    return {"provision_secrets": [{"name": "db_password", "value": value}, *SECRETS[1:]]}


def _store(**changes):
    return {"platform_source_store": {**STORE, **changes}}


def _bucket(**changes):
    return {"platform_buckets": [BUCKETS[0], {**BUCKETS[1], **changes}]}


CERTIFICATE = "arn:aws:acm:{}:{}:certificate/0a-1b"
# What is wrong, and the variable that must be named. `environment` is the shell's.
FAULTS = [
    ({"platform_world": "prod"}, "platform_world"),
    ({"platform_account_id": ""}, "platform_account_id"),
    ({"platform_account_id": "1234"}, "platform_account_id"),
    ({"platform_account_id": 12345670123}, "platform_account_id"),
    ({"platform_account_id": ["123456789012"]}, "platform_account_id"),
    ({"platform_region": "frankfurt"}, "platform_region"),
    ({"platform_region": "eu-central-9"}, "platform_region"),
    ({"platform_region": True}, "platform_region"),
    ({"platform_name": "BMII"}, "platform_name"),
    ({"platform_name": "b" * 33}, "platform_name"),
    ({"platform_name": "internal-bmii"}, "platform_name"),
    ({"platform_name": 15.1}, "platform_name"),
    ({"platform_parameter_path": "/aws/bmii"}, "platform_parameter_path"),
    ({"platform_source_url": ""}, "platform_source_url"),
    ({"platform_source_url": "http://old:port"}, "platform_source_url"),
    ({"platform_source_url": ["http://old"]}, "platform_source_url"),
    ({"platform_source_database": ""}, "platform_source_database"),
    ({"platform_source_database": f"mysql://u:{CANARY}@old/db"}, "platform_source_database"),
    ({"platform_source_database": f"postgresql://u:{CANARY}@old"}, "platform_source_database"),
    ({"platform_source_database": {"password": CANARY}}, "platform_source_database"),
    ({"platform_source_store": [CANARY]}, "platform_source_store"),
    (_store(endpoint="old-host:9000"), "platform_source_store.endpoint"),
    (_store(secret_key=""), "platform_source_store.secret_key"),
    (_store(secret=CANARY), "platform_source_store.secret"),
    ({"platform_buckets": "raw"}, "platform_buckets"),
    ({"platform_buckets": []}, "platform_buckets"),
    (_bucket(target="bmii-raw"), "platform_buckets"),
    (_bucket(source="raw"), "platform_buckets"),
    (_bucket(target="Bmii_Processed"), "platform_buckets"),
    (_bucket(target=None), "platform_buckets"),
    ({"platform_state_bucket": "bmii_state"}, "platform_state_bucket"),
    ({"platform_state_bucket": "bmii-raw"}, "platform_state_bucket"),
    (
        {**_store(endpoint="https://s3.eu-central-1.amazonaws.com"), **_bucket(target="processed")},
        "platform_buckets",
    ),
    ({"provision_rds_endpoint_override": "old.example.org:5432"}, "platform_source_database"),
    ({"platform_vpc_cidr": "10.20.0.0"}, "platform_vpc_cidr"),
    ({"platform_vpc_cidr": "10.20.0.1/16"}, "platform_vpc_cidr"),
    ({"platform_vpc_cidr": "10.20.0.0/24"}, "platform_vpc_cidr"),
    ({"platform_vpc_cidr": "10.0.0.0/8"}, "platform_vpc_cidr"),
    ({"platform_vpc_cidr": "8.8.0.0/16"}, "platform_vpc_cidr"),
    ({"provision_operator_cidr": "10.20.4.0/24"}, "platform_vpc_cidr"),
    ({"platform_connected_cidrs": ["10.20.0.0/20"]}, "platform_vpc_cidr"),
    ({"platform_connected_cidrs": "10.30.0.0/16"}, "platform_connected_cidrs"),
    ({"provision_operator_cidr": "0.0.0.0/0"}, "provision_operator_cidr"),
    ({"provision_egress": "proxy"}, "provision_egress"),
    ({"provision_certificate_arn": "bmii.example.org"}, "provision_certificate_arn"),
    (
        {"provision_certificate_arn": CERTIFICATE.format("us-east-1", "123456789012")},
        "provision_certificate_arn",
    ),
    (
        {"provision_certificate_arn": CERTIFICATE.format("eu-central-1", "210987654321")},
        "provision_certificate_arn",
    ),
    ({"platform_cpu": "lots"}, "platform_cpu"),
    ({"platform_cpu": 1500}, "platform_cpu"),
    ({"platform_memory": 2500}, "platform_memory"),
    ({"platform_memory": "2 GiB"}, "platform_memory"),
    ({"platform_desired_count": -1}, "platform_desired_count"),
    ({"platform_desired_count": "two"}, "platform_desired_count"),
    ({"platform_container_builder": "podman"}, "platform_container_builder"),
    ({"provision_log_retention_days": 31}, "provision_log_retention_days"),
    ({"provision_alarm_email": "ops"}, "provision_alarm_email"),
    ({"provision_access_logs_days": "long"}, "provision_access_logs_days"),
    ({"platform_access_logs_bucket": "Logs"}, "platform_access_logs_bucket"),
    ({"provision_database": "bmii-postgres"}, "provision_database"),
    ({"provision_database": {**DATABASE, "name": None}}, "provision_database.name"),
    (_database(instance_identifier="bmii--postgres"), "provision_database.instance_identifier"),
    (_database(instance_identifier="b" * 64), "provision_database.instance_identifier"),
    (_database(user="rdsadmin"), "provision_database.user"),
    (_database(application_user="bmii_admin"), "provision_database.application_user"),
    (_database(instance_class="t4g.medium"), "provision_database.instance_class"),
    (_database(instance_clas="db.t4g.medium"), "provision_database.instance_clas"),
    (_database(allocated_storage="50 GiB"), "provision_database.allocated_storage"),
    (_database(allocated_storage=50, max_allocated_storage=40), "provision_database.max_allocated_storage"),
    (_database(allocated_storage=5), "provision_database.allocated_storage"),
    (_database(engine_version=15.10), "provision_database.engine_version"),
    (_database(engine_version="16.4"), "provision_database.engine_version"),
    (_database(backup_retention_days=0), "provision_database.backup_retention_days"),
    (_database(backup_retention_days=36), "provision_database.backup_retention_days"),
    (_database(multi_az="yes"), "provision_database.multi_az"),
    (_database(deletion_protection="on"), "provision_database.deletion_protection"),
    ({"provision_secrets": {"API_KEY": CANARY}}, "provision_secrets"),
    ({"provision_secrets": [*SECRETS, CANARY]}, "provision_secrets"),
    ({"provision_secrets": SECRETS[1:]}, "provision_secrets"),
    (_secret(value="changeme"), "provision_secrets.API_KEY"),
    (_secret(generate={"length": 8}), "provision_secrets.API_KEY"),
    (_secret(generate={"length": "long"}), "provision_secrets"),
    (_secret(value="env:BMII_API_KEY", type="String"), "provision_secrets.API_KEY"),
    (_password(f"{CANARY}-with/slash"), "provision_secrets.db_password"),
    ({"environment": {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}}, "AWS_ENDPOINT_URL"),
    ({"environment": {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}}, "AWS_ENDPOINT_URL_S3"),
    ({"platform_aws_profile": "of-nobody"}, "platform_aws_profile"),
    ({"platform_aws_profile": "elsewhere"}, "endpoint_url of the AWS profile"),
    ({"platform_aws_profile": "services"}, "s3.endpoint_url of the AWS profile"),
]
AWS_CONFIG = """
[profile elsewhere]
endpoint_url = http://127.0.0.1:9
[profile services]
services = mine
[services mine]
s3 =
  endpoint_url = http://127.0.0.1:9
"""


@dataclass
class Shell:
    """Where ``ansible-playbook`` is started: no credentials, and a proxy that notes who would go out."""

    environment: dict[str, str]
    reached: list[tuple[str, int]]

    def run(self, *words: str | Path) -> tuple[int, str]:
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        done = subprocess.run(
            [program, *words], env=self.environment, capture_output=True, text=True, check=False, cwd=ROOT
        )
        assert CANARY not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def shell(tmp_path):
    (tmp_path / "aws").write_text(AWS_CONFIG, encoding="utf-8")
    reached: list[tuple[str, int]] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"

        def refuse() -> None:
            while True:
                try:
                    client, address = server.accept()
                except OSError:
                    return
                reached.append(address)
                client.close()

        Thread(target=refuse, daemon=True).start()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1"),
            "AWS_CONFIG_FILE": str(tmp_path / "aws"),
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        yield Shell(environment, reached)
        server.shutdown(socket.SHUT_RDWR)


class Production:
    """The production inventory and the role's task, read as Ansible reads them, in this process."""

    def __init__(self) -> None:
        loader = DataLoader()
        inventory = InventoryManager(loader=loader, sources=[str(ROOT / "inventories/production")])
        variables = VariableManager(loader=loader, inventory=inventory)
        role = ROOT / "roles/preflight"
        defaults = loader.load_from_file(str(role / "defaults/main.yml"), trusted_as_template=True)
        tasks = loader.load_from_file(str(role / "tasks/configuration.yml"), trusted_as_template=True)
        host = inventory.get_host("localhost")
        self._variables = {
            **defaults,
            **variables.get_vars(host=host),
            "playbook_dir": str(ROOT / "playbooks"),
            **GOOD,
        }
        self._arguments = tasks[0]["preflight_check"]
        self._loader = loader

    def check(self, fault: dict[str, object]) -> dict[str, object]:
        """Return what the task answers when the inventory is as ``fault`` says."""
        values = {name: value for name, value in fault.items() if name != "environment"}
        templar = Templar(loader=self._loader, variables={**self._variables, **values})
        environment = templar.template(self._variables["platform_aws_environment"])
        arguments = templar.template(self._arguments)
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                patch.delenv(name)
            for name, value in {**environment, **fault.get("environment", {})}.items():
                patch.setenv(name, str(value))
            return IN_WORKER["_main"](str(ROOT / "library/preflight_check.py"), arguments)


@pytest.fixture(scope="module")
def production() -> Production:
    return Production()


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Let nobody connect to anything, and give the user an AWS configuration."""

    def refuse(*arguments: object) -> None:
        raise AssertionError(f"something was connected to: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    config = tmp_path / "aws"
    config.write_text(AWS_CONFIG, encoding="utf-8")
    return {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}


def test_a_good_inventory_passes(production: Production, offline) -> None:
    answer = production.check({"environment": offline})
    assert not answer.get("failed"), answer
    assert len(FAULTS) >= 50


@pytest.mark.parametrize(("fault", "variable"), FAULTS)
def test_each_bad_inventory_is_told_by_its_variable_with_the_remedy(
    production, offline, fault, variable
) -> None:
    answer = production.check({**fault, "environment": {**offline, **fault.get("environment", {})}})

    headline, *lines = answer["msg"].splitlines()
    assert headline == "The configuration is wrong. Nothing has been touched."
    assert len(lines) == 1, lines
    assert re.fullmatch(rf"- {re.escape(variable)}: .{{5,}}\. [A-Z].+[.)]", lines[0]), lines[0]
    assert CANARY not in json.dumps(answer)


def test_nothing_that_provision_takes_is_unknown_to_preflight() -> None:
    module = runpy.run_path(str(ROOT / "library/preflight_check.py"), run_name="read")
    specification = yaml.safe_load(
        (ROOT / "roles/provision/meta/argument_specs.yml").read_text(encoding="utf-8")
    )
    options = specification["argument_specs"]["main"]["options"]
    for name in ("database", "secrets"):
        taken = set(options[f"provision_{name}"]["options"])
        assert taken - set(module["_CHECKED"][name]["options"]) == set()


def _inventory(folder: Path, changes: dict[str, object]) -> Path:
    """Copy the production inventory, with other values; None removes a variable."""
    copy = folder / "inventories" / "production"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "inventories/production", copy)
    main = copy / "group_vars/all/main.yml"
    variables = {**yaml.safe_load(main.read_text(encoding="utf-8")), **changes}
    kept = {name: value for name, value in variables.items() if value is not None}
    main.write_text(yaml.safe_dump(kept), encoding="utf-8")
    return copy


def _named(output: str) -> list[str]:
    """Return the variables that are named, in order."""
    return re.findall(r"^- ([^:\n]+): ", output, re.MULTILINE)


def test_the_inventory_as_it_is_shipped_names_what_must_be_set(shell: Shell) -> None:
    code, output = shell.run("-vvvv", "-i", ROOT / "inventories/production", "playbooks/migrate.yml")

    assert code != 0
    assert _named(output) == [
        "platform_account_id",
        "platform_source_database",
        "platform_source_store.endpoint",
        "platform_source_store.access_key",
        "platform_source_store.secret_key",
        "platform_source_url",
    ]
    assert shell.reached == []


def test_many_faults_are_told_at_once_and_what_is_missing_is_one(shell: Shell, tmp_path: Path) -> None:
    inventory = _inventory(
        tmp_path,
        GOOD
        | {
            "platform_account_id": None,
            "platform_vpc_cidr": None,
            "platform_cpu": "lots",
            "provision_secrets": None,
            "provision_egress": "proxy",
            "platform_source_database": "{{ vault_source_database }}",
        }
        | _store(secret_key="{{ vault_source_store_secret_key }}")
        | _database(multi_az="yes"),
    )
    vault = inventory / "group_vars/all/vault.yml"
    vault.write_text(f"vault_source_database: postgresql://u:in-file-{CANARY}@old/db\n", encoding="utf-8")

    given = f"vault_source_store_secret_key={CANARY}"
    code, output = shell.run("-i", inventory, "playbooks/preflight.yml", "-e", given)

    assert code != 0
    assert "platform_source_store.secret_key: was given on the command line" in output
    assert sorted(set(_named(output))) == [
        "platform_account_id",
        "platform_cpu",
        "platform_source_store.secret_key",
        "platform_vpc_cidr",
        "provision_database.multi_az",
        "provision_egress",
        "provision_secrets",
        "vault_source_database",
    ]
    assert shell.reached == []


def test_a_world_that_is_not_ready_is_told_at_once(shell: Shell, tmp_path: Path) -> None:
    nothing = "127.0.0.1:9"
    values = {
        **GOOD,
        "platform_source_url": f"http://{nothing}",
        "platform_source_database": f"postgresql://u:{CANARY}@{nothing}/db",
        **_store(endpoint=f"http://{nothing}"),
        "preflight_minimum_free_mib": 1 << 40,
        "preflight_inventory_dir": "",
    }
    inventory = _inventory(tmp_path, values)

    code, output = shell.run("-vvvv", "-i", inventory, "playbooks/preflight.yml")

    assert code != 0
    assert "The world is not ready. Nothing has been touched." in output
    assert sorted(_named(output)) == [
        "AWS credentials",
        "platform_source_database",
        "platform_source_store",
        "platform_source_url",
        "preflight_minimum_free_mib",
    ]
