"""`serve` answers on port 3000, `count` works by itself; `load` fills the shelf that is to be moved."""

from __future__ import annotations

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import psycopg2

BOOKS = [("Middlemarch", 1871), ("Effi Briest", 1895), ("Kokoro", 1914), ("Pedro Páramo", 1955)]


def database():
    """Return a connection; the address comes in parts."""
    parts = {
        "host": "DB_HOST",
        "port": "DB_PORT",
        "user": "DB_USER",
        "password": "DB_PASSWORD",
        "dbname": "DB_NAME",
    }
    return psycopg2.connect(
        **{name: os.environ[variable] for name, variable in parts.items()}, connect_timeout=5
    )


def store():
    """Return the object store: that of the environment, or the one that is named."""
    endpoint = os.environ.get("STORE_URL")
    return boto3.client("s3", **({"endpoint_url": endpoint} if endpoint else {}))


class Handler(BaseHTTPRequestHandler):
    """Plain text for whether it is up, JSON for books, bytes for covers. Nobody needs a key."""

    def do_GET(self) -> None:
        """Answer, or say in plain text what is wrong."""
        try:
            status, kind, body = self.found()
        except Exception as error:  # noqa: BLE001 - whatever it is, the shelf is not well
            status, kind, body = 503, "text/plain", type(error).__name__.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def found(self) -> tuple[int, str, bytes]:
        """Return status, type and body."""
        if self.path == "/internal/up":
            with psycopg2.connect(os.environ["CATALOGUE_DSN"], connect_timeout=5) as session:
                session.cursor().execute("SELECT 1 FROM books LIMIT 1")
            return 200, "text/plain", b"up\n"
        if self.path == "/books":
            with database() as session, session.cursor() as cursor:
                cursor.execute("SELECT id, title, year FROM books ORDER BY id")
                books = [{"id": one, "title": title, "year": year} for one, title, year in cursor.fetchall()]
            said = {"greeting": os.environ.get("GREETING", ""), "books": books}
            return 200, "application/json", json.dumps(said).encode()
        if self.path.startswith("/covers/"):
            bucket, _, prefix = os.environ["COVERS"].removeprefix("s3://").partition("/")
            cover = store().get_object(Bucket=bucket, Key=prefix + self.path.removeprefix("/covers/"))
            return 200, "image/svg+xml", cover["Body"].read()
        return 404, "text/plain", b"no such page\n"

    def log_message(self, *_: object) -> None:
        """Say nothing of single requests."""


def load() -> None:
    """Put books and covers on the shelf."""
    with database() as session, session.cursor() as cursor:
        cursor.executemany("INSERT INTO books (title, year) VALUES (%s, %s)", BOOKS)
    for number, (title, _) in enumerate(BOOKS, start=1):
        cover = f"<svg xmlns='http://www.w3.org/2000/svg'><text>{title}</text></svg>".encode()
        store().put_object(
            Bucket="media", Key=f"covers/{number}.svg", Body=cover, ContentType="image/svg+xml"
        )
    store().put_object(Bucket="media", Key="exports/all.csv", Body=b"title,year\n")
    store().put_object(Bucket="audit", Key="2026/log", Body=b"loaded\n")


def count() -> None:
    """Write down how many books there are, and under which sign, for as long as it runs."""
    while True:
        with database() as session, session.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM books")
            books = cursor.fetchone()[0]
        bucket, _, prefix = os.environ["EXPORTS"].removeprefix("s3://").partition("/")
        key = f"{prefix}counts/{os.environ['SIGN']}/{books}"
        store().put_object(Bucket=bucket, Key=key, Body=b"counted\n")
        time.sleep(2)


if __name__ == "__main__":
    if sys.argv[1:] == ["load"]:
        load()
    elif sys.argv[1:] == ["count"]:
        count()
    else:
        # In a container every address is its own; the rehearsal, which has none, names one.
        host = os.environ.get("BIND_HOST", "0.0.0.0")  # noqa: S104 - as above
        ThreadingHTTPServer((host, int(os.environ.get("PORT", "3000"))), Handler).serve_forever()
