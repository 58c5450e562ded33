"""No server is started from here on: neither in this process nor in a program that it runs.

The kernel itself refuses `listen`, so that no way of starting one is overlooked.
"""

from __future__ import annotations

import ctypes
import errno
import os

_LISTEN = {"x86_64": 50, "aarch64": 201}  # the system call's number
_SET_SECCOMP, _FILTER, _SET_NO_NEW_PRIVILEGES = 22, 2, 38  # of prctl(2)
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


_forbidden: list[bool] = []


def are_forbidden() -> bool:
    """Return whether no server may be started."""
    return bool(_forbidden)


def forbid() -> None:
    """Let every ``listen`` of this process and its children fail with "Operation not permitted"."""
    number = _LISTEN.get(os.uname().machine)
    if os.uname().sysname != "Linux" or number is None:
        raise RuntimeError("tests without servers can be told from others on Linux only: leave out --pure")
    instructions = (_Instruction * 4)(
        (0x20, 0, 0, 0),  # load the system call's number
        (0x15, 0, 1, number),  # is it listen?
        (0x06, 0, 0, _REFUSE),
        (0x06, 0, 0, _ALLOW),
    )
    program = _Program(len(instructions), instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    for options in (
        (_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*options) != 0:
            raise OSError(ctypes.get_errno(), "the kernel does not let us forbid servers")
    _forbidden.append(True)
