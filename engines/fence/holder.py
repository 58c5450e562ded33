"""The process that holds the fence while Ansible works, and the requests that modules send to it.

A process of its own, because the fence spans several tasks and one session has to hold it without a gap. It
reads the address from standard input, so that no password is in a command line, and takes requests on a
Unix socket named after the run. It removes the fence when the run's main process has ended. When that is
suspended, or the limit of the terms is reached, it stops renewing the deadline, and the fence opens.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from engines.errors import EngineError
from engines.fence import apply, errors
from engines.fence.apply import PURPOSE, Fence
from engines.fence.errors import FenceError, FenceForeignError, FenceImpossibleError, FenceLapsedError
from engines.fence.model import Found, Terms
from engines.postgres.session import Address, session, translated
from engines.runs import Owner, processes

# How many times in a lease the deadline is renewed.
_RENEWALS_IN_A_LEASE = 4
# Seconds to start in addition to the patience: connecting, and a transaction for each table.
_LONGEST_START = 900.0
_ANSWER = 120.0
_LONGEST_MESSAGE = 1 << 20
_PROGRAM = ("-P", "-m", __name__)


def put_up(address: Address, terms: Terms, owner: Owner) -> Found:
    """Put the fence up for the run of ``owner``, in a process of its own, unless the run has put it up.

    Raises the errors of ``Fence.put_up``; then nothing refuses.
    """
    if not hasattr(os, "pidfd_open"):
        raise FenceImpossibleError(
            "this system cannot watch over a run: the fence needs Linux",
            subject="migrate_source_fence",
            remedy="Migrate from Linux, or set migrate_source_fence=none and stop what writes to the source.",
        )
    if not is_held(terms.run_id):
        _start(address, terms, owner)
    return apply.inspect(address, terms)


def is_held(run_id: str) -> bool:
    """Return whether the fence of the run has refused without a gap since it was put up."""
    answer = _ask(run_id, "status")
    return bool(answer and answer.get("holds"))


def keep(run_id: str) -> None:
    """Make the fence of the run lasting. Raises ``FenceLapsedError`` if it had opened before."""
    answer = _ask(run_id, "keep")
    if not answer or not answer.get("kept"):
        raise FenceLapsedError(
            "the fence around the source has opened, so that writes may have come in since the comparison",
            subject=f"run {run_id}",
            remedy=(
                "No user was moved. Run the same command again. If it was held for as long as it may be, "
                "raise migrate_source_fence_limit; if tables are made or triggers switched off meanwhile, "
                "stop that."
            ),
        )


def let_go(run_id: str) -> list[str] | None:
    """Remove the fence of the run; return the tables whose trigger is left, ``None`` if it held none."""
    answer = _ask(run_id, "lift")
    return None if answer is None else list(answer.get("left", []))


def _start(address: Address, terms: Terms, owner: Owner) -> None:
    request = {
        "address": dict(address.parameters),
        "terms": terms.to_dict(),
        "pid": owner.pid,
        "started": owner.started,
    }
    with subprocess.Popen(
        [sys.executable, *_PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - they are pipes
        process.stdin.write(json.dumps(request).encode())
        process.stdin.close()
        ready, _, _ = select.select([process.stdout], [], [], terms.patience + _LONGEST_START)
        line = process.stdout.readline() if ready else b""
        if not ready:
            process.kill()
        # It outlives this task, which therefore must not wait for it.
        process.returncode = 0
    answer = json.loads(line) if line else {}
    if "error" in answer:
        raise _raised(answer["error"])
    if not answer:
        raise FenceError(
            "the process that holds the fence has ended before it stood",
            subject=f"run {terms.run_id}",
            remedy="No user was moved. Run the same command again.",
        )


def main() -> None:
    """Put the fence up, report it, and hold it until it is kept, lifted or the run has ended."""
    request = json.load(sys.stdin)
    address, terms = Address(request["address"]), Terms.from_dict(request["terms"])
    listening = _listen(terms.run_id)
    if listening is None:
        _report(
            {
                "error": _reported(
                    FenceForeignError(
                        "this run holds a fence already",
                        subject=terms.run_id,
                        remedy="End the other process of this run, then run the same command again.",
                    )
                )
            }
        )
        return
    with listening:
        try:
            with session(address, purpose=f"{PURPOSE} {terms.run_id}") as opened:
                fence = Fence(opened, terms)
                if _stands(fence):
                    _hold(fence, listening, request["pid"], request["started"])
        except EngineError as error:
            # The session is gone, and with it the lock: what is left refuses nobody.
            with suppress(EngineError):
                apply.clear(address, terms)
            # Nobody reads it any more if the fence stood.
            _report({"error": _reported(error)})


def _stands(fence: Fence) -> bool:
    name = fence.opened.info.dbname
    try:
        with translated(name):
            fence.put_up()
    except EngineError as error:
        with suppress(EngineError), translated(name):
            if not isinstance(error, FenceForeignError | FenceImpossibleError):
                apply.remove(fence.opened, fence.terms)
        _report({"error": _reported(error)})
        return False
    _report({"ready": True})
    return True


def _hold(fence: Fence, listening: socket.socket, pid: int, started: int) -> None:
    """Serve requests and renew the deadline, until the fence is lasting, removed or lapsed."""
    until = time.monotonic() + fence.terms.limit
    while True:
        with suppress(TimeoutError, OSError):
            wanted = _wait(listening, pid, started, fence.terms.lease / _RENEWALS_IN_A_LEASE)
            if wanted is not None:
                with wanted:
                    if _served(fence, wanted):
                        return
        if processes.start_time(pid) != started:
            apply.remove(fence.opened, fence.terms)
            return
        goes_on = not processes.is_stopped(pid) and time.monotonic() < until
        if not (fence.renew() if goes_on else fence.holds()):
            apply.remove(fence.opened, fence.terms)
            return


def _wait(listening: socket.socket, pid: int, started: int, seconds: float) -> socket.socket | None:
    """Return the next connection; ``None`` after ``seconds``, or when the run's process has ended."""
    descriptor = os.pidfd_open(pid)
    try:
        if processes.start_time(pid) != started:
            return None
        ready, _, _ = select.select([listening.fileno(), descriptor], [], [], seconds)
    finally:
        os.close(descriptor)
    if listening.fileno() not in ready:
        return None
    wanted, _ = listening.accept()
    wanted.settimeout(_ANSWER)
    if _other_end(wanted) != os.geteuid():
        wanted.close()
        return None
    return wanted


def _served(fence: Fence, wanted: socket.socket) -> bool:
    """Answer one request; True when the fence need not be held any more."""
    question = wanted.recv(_LONGEST_MESSAGE).decode()
    done = False
    answer: dict[str, Any]
    if question == "keep":
        done = fence.keep()
        answer = {"kept": done}
    elif question == "lift":
        answer, done = {"left": apply.remove(fence.opened, fence.terms)}, True
    else:
        answer = {"holds": fence.holds()}
    wanted.sendall(json.dumps(answer).encode())
    return done


def _ask(run_id: str, question: str) -> dict[str, Any] | None:
    """Return what the holder of the run's fence answers; ``None`` where there is none."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(_ANSWER)
        try:
            asking.connect(_name(run_id))
            if _other_end(asking) != os.geteuid():
                return None
            asking.sendall(question.encode())
            reported = asking.makefile("rb").read()
        except OSError:
            return None
    return dict(json.loads(reported)) if reported else None


def _listen(run_id: str) -> socket.socket | None:
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(_name(run_id))
    except OSError:
        listening.close()
        return None
    listening.listen()
    return listening


def _name(run_id: str) -> str:
    """Return the abstract name, which the kernel frees when the process ends."""
    return f"\0bmii-migrate-fence-{run_id}"


def _other_end(connected: socket.socket) -> int:
    """Return the user at the other end: any user of the machine can connect to an abstract socket."""
    reported = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", reported)[1])


def _reported(error: EngineError) -> dict[str, Any]:
    parts = {"what": error.what, "subject": error.subject, "remedy": error.remedy, "details": error.details}
    return {"kind": type(error).__name__, **parts}


def _raised(reported: Mapping[str, Any]) -> EngineError:
    kind = getattr(errors, str(reported["kind"]), FenceError)
    parts = {name: reported[name] for name in ("subject", "remedy", "details")}
    error: EngineError = kind(reported["what"], **parts)
    return error


def _report(answer: Mapping[str, Any]) -> None:
    """Report the outcome to the module, and close its pipe."""
    with suppress(OSError):
        print(json.dumps(answer), flush=True)  # noqa: T201 - read by the module
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


if __name__ == "__main__":
    main()
