"""HTTP as S3 needs it: keep-alive connections, proxies, signatures, and the pace of requests."""

from engines.objects.http.connections import (
    ANSWER_SECONDS,
    ConnectError,
    ConnectionPool,
    ProxyRefusedError,
    Response,
)
from engines.objects.http.pace import FIRST_PAUSE, LONGEST_PAUSE, Pace
from engines.objects.http.sigv4 import EMPTY, UNSIGNED, Signer, encoded, query_of

__all__ = [
    "ANSWER_SECONDS",
    "EMPTY",
    "FIRST_PAUSE",
    "LONGEST_PAUSE",
    "UNSIGNED",
    "ConnectError",
    "ConnectionPool",
    "Pace",
    "ProxyRefusedError",
    "Response",
    "Signer",
    "encoded",
    "query_of",
]
