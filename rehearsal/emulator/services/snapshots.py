"""What an API answers about a thing that other threads are working on.

The emulator writes a service's answer while the threads of its tasks add members to it. Python ends such an
iteration with an error; the caller hears that its call failed, repeats it, and hears that the service exists.
"""

from __future__ import annotations


def wire_shape(record: object) -> object:
    """Return ``record`` as an API answers it: without internal members (``_…``) and without empty ones."""
    if isinstance(record, dict):
        members = list(record.items())  # one step of the interpreter: no other thread gets between
        return {name: wire_shape(value) for name, value in members if name[:1] != "_" and value is not None}
    if isinstance(record, list):
        return [wire_shape(one) for one in list(record)]
    return record
