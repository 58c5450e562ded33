"""Asking the target as its users do: by its domain, which no DNS knows, at the load balancer's port."""

from __future__ import annotations

import socket
import ssl
import urllib.request
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

DOMAIN = "bmii.test"
URL = f"https://{DOMAIN}"


def opener(port: int, authority: Path) -> urllib.request.OpenerDirector:
    """Return what opens URLs of the domain at ``port`` of this machine, and trusts ``authority`` alone."""
    context = ssl.create_default_context(cafile=str(authority))

    class Connection(HTTPSConnection):
        def connect(self) -> None:
            plain = socket.create_connection(("127.0.0.1", port), self.timeout)
            self.sock = context.wrap_socket(plain, server_hostname=self.host)

    class Handler(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> Any:
            return self.do_open(Connection, request)

    return urllib.request.build_opener(urllib.request.ProxyHandler({}), Handler)
