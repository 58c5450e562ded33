"""TLS in front of the emulated load balancers, whose own data plane is plain HTTP.

On AWS each load balancer has addresses of its own; here one port stands for port 443 of all of them, and SNI
decides between them, as it does between the certificates of one.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from typing import Any
from weakref import WeakKeyDictionary

from rehearsal.emulator.services.authority import serving
from rehearsal.process import LOOPBACK
from rehearsal.recording import Forwarder


@dataclass(frozen=True)
class Listener:
    """An HTTPS listener: the load balancer's name, and what serves its certificate."""

    balancer: str
    context: ssl.SSLContext
    is_for_name: bool = True


class TlsServer(ThreadingHTTPServer):
    """Takes TLS off on ``port`` and passes requests to the emulator at ``upstream``, a port.

    ``choose`` returns the listener for a name in SNI; ``None``: there is none, so nothing listens.
    ``headers`` tell the emulator that a request has come this way.
    """

    daemon_threads = True

    def __init__(
        self, port: int, upstream: int, choose: Callable[[str], Listener | None], headers: dict[str, str]
    ) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.upstream = upstream
        self.headers = headers
        self.chosen: WeakKeyDictionary[Any, Listener] = WeakKeyDictionary()
        self._choose = choose
        self._context = serving()
        self._context.sni_callback = self._answer_sni

    def start(self) -> None:
        """Serve from now on, next to the emulator."""
        threading.Thread(target=self.serve_forever, name="tls", daemon=True).start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handle a connection; the handshake is the connection's own affair, too."""
        try:
            secure = self._context.wrap_socket(request, server_side=True)
        except (OSError, ValueError):
            return  # nothing listens, or the client refused the certificate
        with secure:
            super().finish_request(secure, client_address)

    def _answer_sni(self, connection: Any, name: str | None, _: ssl.SSLContext) -> int | None:
        listener = self._choose(name or "")
        if listener is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = listener.context
        self.chosen[connection] = listener
        return None


class _Handler(Forwarder):
    """Passes requests to the load balancer under which the connection was opened."""

    server: TlsServer

    def _pass_on(self) -> None:
        server, body = self.server, self.body()
        listener = server.chosen[self.connection]
        answer, content = self.forward(
            LOOPBACK, server.upstream, body, path=f"/_alb/{listener.balancer}{self.path}", **server.headers
        )
        self.answer(answer, content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _pass_on  # noqa: N815
