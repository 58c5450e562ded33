"""Secrets in plain text in an inventory's files are told, by variable and file, and never quoted."""

from pathlib import Path

import pytest

from engines.preflight.configuration import plaintext_secrets
from engines.preflight.model import Settings

CANARY = "canary-5d20"


def _find(folder, text, target="aws"):
    file = folder / "group_vars" / "all" / "vault.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return list(plaintext_secrets.in_files(Settings(target=target, inventory_dir=str(folder))))


PLAIN = [
    (f"vault_source_store_secret_key: {CANARY}", "vault_source_store_secret_key"),
    (f"platform_source_database: postgresql://u:{CANARY}@h/db", "platform_source_database"),
    (f"platform_source_store:\n  secret_key: {CANARY}", "platform_source_store.secret_key"),
    (f"provision_secrets:\n  - name: API_KEY\n    value: {CANARY}", "provision_secrets.API_KEY"),
]


@pytest.mark.parametrize(("text", "variable"), PLAIN)
def test_plain_text_is_reported(tmp_path, text, variable):
    (finding,) = _find(tmp_path, text)

    assert finding.variable == variable
    assert "vault.yml" in finding.what
    assert "ansible-vault encrypt" in finding.remedy
    assert CANARY not in str(finding)


def test_files_in_a_linked_folder_are_read(tmp_path):
    """The files that inventories share are a folder that each links to."""
    shared = tmp_path / "common"
    shared.mkdir()
    (shared / "storage.yml").write_text(PLAIN[2][0], encoding="utf-8")
    folder = tmp_path / "production"
    folder.mkdir()
    (folder / "common").symlink_to(shared)

    (finding,) = plaintext_secrets.in_files(Settings(target="aws", inventory_dir=str(folder)))

    assert finding.variable == PLAIN[2][1]
    assert "storage.yml" in finding.what


@pytest.mark.parametrize(
    "text",
    [
        "$ANSIBLE_VAULT;1.1;AES256\n3132",
        'vault_source_database: ""',
        "vault_source_database: env:SOURCE",
        "vault_source_database: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3132",
        'platform_source_store: {secret_key: "{{ vault_source_store_secret_key }}"}',
        "platform_source_database: postgresql://reader@h/db",
        "provision_secrets: [{name: API_KEY, generate: {length: 40}}, {name: other, value: ssm:/a/b}]",
        "not: [yaml",
        "- a list",
        "provision_secrets: no list",
    ],
)
def test_what_is_encrypted_or_referred_to_is_fine(tmp_path, text):
    assert _find(tmp_path, text) == []


def test_the_rehearsals_passwords_are_no_secrets(tmp_path):
    assert _find(tmp_path, PLAIN[0][0], target="emulator") == []


def test_the_repositorys_own_inventory_is_clean():
    folder = Path(__file__).parents[4] / "inventories" / "production"
    assert folder.is_dir()
    assert list(plaintext_secrets.in_files(Settings(target="aws", inventory_dir=str(folder)))) == []


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        ({"source_database": f"postgresql://u:{CANARY}@h/db"}, "platform_source_database"),
        ({"source_store": {"secret_key": CANARY}}, "platform_source_store.secret_key"),
        ({"secrets": [{"name": "API_KEY", "value": CANARY}]}, "provision_secrets.API_KEY"),
    ],
)
def test_a_secret_on_the_command_line_is_reported(given, variable):
    settings = Settings(target="aws", **given)

    (finding,) = plaintext_secrets.on_command_line(settings, ["ansible-playbook", "-e", f"x={CANARY}"])

    assert finding.variable == variable
    assert CANARY not in str(finding)
    assert list(plaintext_secrets.on_command_line(settings, ["ansible-playbook", "-e", "@file"])) == []


def test_a_reference_on_the_command_line_is_none():
    settings = Settings(target="aws", source_database="env:SOURCE", secrets=[{"name": "a", "value": "env:A"}])

    assert (
        list(plaintext_secrets.on_command_line(settings, ["-e", "platform_source_database=env:SOURCE"])) == []
    )
