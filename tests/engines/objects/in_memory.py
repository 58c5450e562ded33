"""Mirroring and comparing stores that a test keeps in memory."""

from __future__ import annotations

from engines.objects import Options, Rules, as_result, compare, mirror


def quiet(*_, **__):
    pass


def mirrored(source, target, **options):
    """Mirror, and return the result as a module does."""
    done = mirror(source.endpoint, target.endpoint, Options(**options), emit=quiet)
    return as_result(done, Rules(), target.endpoint, check=False)


def compared(source, target, **options):
    found = compare(source.endpoint, target.endpoint, emit=quiet, **options)
    return found.is_equal, dict(found.tally.objects)


def bodies(store):
    return {key: stored.body for key, stored in store.objects.items()}
