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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import CodeType

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, lookup_loader
from ansible.template import Templar
from ansible.vars.manager import VariableManager
from jinja2 import Environment

from tests.roles.bad_inventories import CANARY, FAULTS, GOOD, database, store

ROOT = Path(__file__).parents[2]
# Runs a module in the process that asks, as the playbooks do.
IN_WORKER = runpy.run_path(str(ROOT / "plugins/action/preflight_check.py"))
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
def shell(servers, tmp_path):
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
        init_plugin_loader()
        loader = DataLoader()
        inventory = InventoryManager(loader=loader, sources=[str(ROOT / "inventories/production")])
        variables = VariableManager(loader=loader, inventory=inventory)
        role = ROOT / "roles/preflight"
        lookup_loader.add_directory(str(role / "lookup_plugins"))
        defaults = loader.load_from_file(str(role / "defaults/main.yml"), trusted_as_template=True)
        tasks = loader.load_from_file(str(role / "tasks/configuration.yml"), trusted_as_template=True)
        host = inventory.get_host("localhost")
        self._variables = {
            **defaults,
            **variables.get_vars(host=host),
            "playbook_dir": str(ROOT / "playbooks"),
            "role_path": str(role),
            **GOOD,
        }
        self._arguments = tasks[0]["preflight_check"]
        self._loader = loader

    def check(self, fault: dict[str, object]) -> dict[str, object]:
        """Return what the task answers when the inventory is as ``fault`` says."""
        values = {name: value for name, value in fault.items() if name != "environment"}
        templar = Templar(loader=self._loader, variables={**self._variables, **values})
        arguments = templar.template(self._arguments)
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                patch.delenv(name)
            for name, value in fault.get("environment", {}).items():
                patch.setenv(name, str(value))
            return IN_WORKER["_main"](str(ROOT / "library/preflight_check.py"), arguments)


@pytest.fixture(scope="module")
def production() -> Iterator[Production]:
    """Return the inventory. Nearly all of its templates are in every case, so each is compiled once."""
    compiled: dict[tuple[object, ...], CodeType] = {}
    compile_one = Environment.compile

    def compile_once(self: Environment, source: str, *more: object, **options: object) -> CodeType:
        key = (
            type(self),
            self.variable_start_string,
            self.block_start_string,
            str(source),
            more,
            *options.items(),
        )
        if key not in compiled:
            compiled[key] = compile_one(self, source, *more, **options)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "compile", compile_once)
        yield Production()


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
    assert len(FAULTS) >= 150


@pytest.mark.parametrize(("fault", "variable"), FAULTS)
def test_each_bad_inventory_is_reported_by_its_variable_with_the_remedy(
    production, offline, fault, variable
) -> None:
    answer = production.check({**fault, "environment": {**offline, **fault.get("environment", {})}})

    headline, *lines = answer["msg"].splitlines()
    assert headline == "The configuration is wrong. Nothing has been touched."
    assert len(lines) == 1, lines
    assert re.fullmatch(rf"- {re.escape(variable)}: .{{5,}}\. [A-Z].+[.)?]", lines[0]), lines[0]
    assert CANARY not in json.dumps(answer)


def _inventory(folder: Path, changes: dict[str, object]) -> Path:
    """Copy the production inventory, with other values; None removes a variable."""
    copy = folder / "inventories" / "production"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "inventories/production", copy)
    main = copy / "group_vars/all/main.yml"
    variables = {**yaml.safe_load(main.read_text(encoding="utf-8")), "platform_root": str(ROOT), **changes}
    kept = {name: value for name, value in variables.items() if value is not None}
    main.write_text(yaml.safe_dump(kept), encoding="utf-8")
    return copy


def _named(output: str) -> list[str]:
    """Return the variables that are named, in order, each once: -vvvv says it all a second time."""
    return list(dict.fromkeys(re.findall(r"^ *- (\S[^:\n]*): ", output, re.MULTILINE)))


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
        "provision_operator_cidr",
    ]
    assert shell.reached == []


def test_many_faults_are_reported_at_once_and_what_is_missing_is_one(shell: Shell, tmp_path: Path) -> None:
    inventory = _inventory(
        tmp_path,
        GOOD
        | {
            "platform_account_id": None,
            "platform_vpc_cidr": None,
            "platform_cpu": "lots",
            "platform_database_secrets": None,
            "provision_egress": "proxy",
            "platform_source_database": "{{ vault_source_database }}",
        }
        | store(secret_key="{{ vault_source_store_secret_key }}")
        | database(multi_az="yes"),
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
        "platform_database_secrets",
        "platform_source_store.secret_key",
        "platform_vpc_cidr",
        "provision_database.multi_az",
        "provision_egress",
        "vault_source_database",
    ]
    assert shell.reached == []


def test_missing_prerequisites_are_reported_at_once(shell: Shell, tmp_path: Path) -> None:
    nothing = "127.0.0.1:9"
    values = {
        **GOOD,
        "platform_source_url": f"http://{nothing}",
        "platform_source_database": "env:BMII_SOURCE",
        **store(endpoint=f"http://{nothing}", secret_key="env:BMII_KEY"),
        "preflight_minimum_free_mib": 1 << 30,
    }
    shell.environment |= {"BMII_SOURCE": f"postgresql://u:{CANARY}@{nothing}/db", "BMII_KEY": CANARY}
    # Also where an engine runs.
    shell.environment |= {"DOCKER_HOST": f"tcp://{nothing}"}
    inventory = _inventory(tmp_path, values)

    code, output = shell.run("-vvvv", "-i", inventory, "playbooks/preflight.yml")

    assert code != 0
    assert "Prerequisites are missing. Nothing has been touched." in output
    assert sorted(_named(output)) == [
        "AWS credentials",
        "platform_container_builder",
        "platform_source_database",
        "platform_source_store",
        "platform_source_url",
        "preflight_minimum_free_mib",
    ]
