"""The relay: it forwards TCP to the database, and ends by itself. The program of a one-off task.

Only what begins TLS passes, so that all that is seen here is ciphertext. Standard library alone.
"""

import asyncio
import contextlib
import os
import signal
import socket
import time
from asyncio import StreamReader, StreamWriter

REQUEST_TLS, REQUEST_GSS = bytes.fromhex("0000000804d2162f"), bytes.fromhex("0000000804d21630")
CHUNK, PATIENCE = 1 << 18, 15
OPTIONS = (("SO_KEEPALIVE", 1), ("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
# Set where a machine has several addresses; a task on Fargate has one.
HOST = os.environ.get("BIND_HOST", "")
End = tuple[StreamReader, StreamWriter]


async def begin(client: End, database: End) -> None:
    """Ask for TLS as the client does. ConnectionError if it does not, or if the database declines."""
    asked = await client[0].readexactly(8)
    if asked == REQUEST_GSS:
        client[1].write(b"N")
        asked = await client[0].readexactly(8)
    if asked != REQUEST_TLS:
        raise ConnectionError("the client did not ask for TLS")
    database[1].write(REQUEST_TLS)
    if await database[0].readexactly(1) != b"S":
        raise ConnectionError("the database offers no TLS")
    client[1].write(b"S")
    first = await client[0].readexactly(1)
    if first != b"\x16":
        raise ConnectionError("the client did not begin TLS")
    database[1].write(first)


async def pump(reader: StreamReader, writer: StreamWriter) -> None:
    """Pass on what comes, and its end."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    writer.close()


async def forward(client: End, to: str) -> None:
    """Connect to the database, and pass on both ways until one of them ends."""
    host, port = to.rsplit(":", 1)
    local = (HOST, 0) if HOST else None
    connecting = asyncio.open_connection(host, int(port), limit=CHUNK, local_addr=local)
    database = await asyncio.wait_for(connecting, PATIENCE)
    try:
        for _, writer in (client, database):
            for name, value in OPTIONS:
                level = socket.SOL_SOCKET if name[0] == "S" else socket.IPPROTO_TCP
                writer.get_extra_info("socket").setsockopt(level, getattr(socket, name), value)
        await asyncio.wait_for(begin(client, database), PATIENCE)
        await asyncio.gather(pump(client[0], database[1]), pump(database[0], client[1]))
    finally:
        database[1].close()


async def main(to: str, lease: float, idle: float) -> None:
    """Serve for `lease` seconds at most, and no longer than `idle` without a connection."""
    open_now: set[End] = set()
    began = used = time.monotonic()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        nonlocal used
        client = reader, writer
        open_now.add(client)
        try:
            await forward(client, to)
        except (ConnectionResetError, BrokenPipeError, EOFError):
            pass
        except OSError as error:
            print("no connection:", error or type(error).__name__, flush=True)
        finally:
            client[1].close()
            open_now.discard(client)
            used = time.monotonic()

    everywhere = "0.0.0.0"
    await asyncio.start_server(serve, HOST or everywhere, int(os.environ["RELAY_PORT"]), limit=CHUNK)
    print("relaying to", to, flush=True)
    while not stopped.is_set():
        now = time.monotonic()
        if now - began > lease or (not open_now and now - used > idle):
            break
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), 1)
    os._exit(0)


if __name__ == "__main__":
    times = float(os.environ["RELAY_LEASE"]), float(os.environ["RELAY_IDLE"])
    asyncio.run(main(os.environ["RELAY_TO"], *times))
