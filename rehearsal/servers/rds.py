"""What RDS asks of a connection: TLS, and that it comes from the VPC. For a server that stands in for it."""

from __future__ import annotations

import ipaddress
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rehearsal.errors import RehearsalError
from rehearsal.process import LOOPBACK

AUTHORITY = "ca.pem"
_DAYS = "3650"
_SETTINGS = "ssl = on\nssl_cert_file = 'rds.crt'\nssl_key_file = 'rds.key'\n"
# The first line that fits decides.
_RULES = """\
# The rehearsal itself, as RDS's own staff has its user.
host    all {superuser} {loopback}/32 scram-sha-256
# The owner comes from the VPC alone: from the addresses of tasks, which a relay binds.
hostssl all {owner} {vpc} scram-sha-256
host    all {owner} all reject
# libpq binds no address, so that a task of the service connects from here.
hostssl all all {loopback}/32 scram-sha-256
hostssl all all {vpc} scram-sha-256
"""


@dataclass(frozen=True)
class Guard:
    """Lets the user ``owner`` in from the range ``vpc`` alone, and everybody over TLS.

    The certificate is of ``name`` and of loopback, and signed by an authority in ``folder``, which is made.
    """

    folder: Path
    name: str
    owner: str
    superuser: str
    vpc: str

    def protect(self, data: Path) -> None:
        """Write certificate, settings and rules into the ``data`` of a server that was not started yet."""
        ipaddress.ip_network(self.vpc)
        self._certify(data)
        with (data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(_SETTINGS)
        rules = _RULES.format(superuser=self.superuser, owner=self.owner, vpc=self.vpc, loopback=LOOPBACK)
        (data / "pg_hba.conf").write_text(rules, encoding="utf-8")

    def _certify(self, data: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        ours = self.folder / AUTHORITY, self.folder / "ca.key"
        _openssl("-subj", "/CN=rehearsal of RDS", "-keyout", ours[1], "-out", ours[0])
        _openssl(
            *("-subj", f"/CN={self.name}", "-CA", ours[0], "-CAkey", ours[1]),
            *("-addext", f"subjectAltName=DNS:{self.name},IP:{LOOPBACK}"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-keyout", data / "rds.key", "-out", data / "rds.crt"),
        )
        ours[1].unlink()
        (data / "rds.key").chmod(0o600)


def _openssl(*arguments: str | Path) -> None:
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command = [*words, "-days", _DAYS, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RehearsalError(
            f"openssl failed: {done.stderr.strip()[-300:]}",
            subject="certificate of the rehearsal's database",
            remedy="Install openssl.",
        )
