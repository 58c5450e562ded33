"""Images on disk: each layer is unpacked once, each image is put together from its layers by hard links.

Files are shared between tasks, as they are between containers; there is no copy-on-write, so a program that
changes a file of its own image in place would change it for the next task too.
"""

from __future__ import annotations

import gzip
import os
import posixpath
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, cast

from rehearsal.fargate.registry import Image, PullError, Registry

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


def unpack(image: Image, repository: str, registry: Registry, folder: Path) -> Path:
    """Return the root file system of ``image`` below ``folder``, which is made if it is not there yet.

    A half-made one is never seen under the final name. Raises ``PullError`` for content that is not what its
    digest says, and for a layer that would write outside its root.
    """
    home = folder / "images" / image.digest.removeprefix("sha256:")
    if not home.exists():
        layers = [_layer(descriptor["digest"], repository, registry, folder) for descriptor in image.layers]
        with _draft(home) as draft:
            (draft / "rootfs").mkdir()
            for layer in layers:
                _stack(layer, draft / "rootfs")
    return home / "rootfs"


def _layer(digest: str, repository: str, registry: Registry, folder: Path) -> Path:
    home = folder / "layers" / digest.removeprefix("sha256:")
    if not home.exists():
        with _draft(home) as draft, tempfile.TemporaryDirectory(dir=folder) as scratch:
            blob = Path(scratch) / "blob"
            registry.download(repository, digest, blob)
            _extract(blob, draft)
    return home


class _draft:  # noqa: N801 - used as a function in a `with` statement
    """A folder that gets its final name only if all went well; who comes second leaves the first one's."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __enter__(self) -> Path:
        self.home.parent.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.home.parent))
        return self.path

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if kind is None:
            with suppress(OSError):
                self.path.rename(self.home)
        shutil.rmtree(self.path, ignore_errors=True)


def _extract(blob: Path, root: Path) -> None:
    with ExitStack() as stack:
        raw = stack.enter_context(blob.open("rb"))
        magic = raw.read(4)
        raw.seek(0)
        stream: IO[bytes] = raw
        if magic[:2] == _GZIP:
            stream = cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=raw)))
        elif magic == _ZSTD:
            import zstandard  # noqa: PLC0415 - for such layers only: outsiders import the room for other things

            stream = cast("IO[bytes]", stack.enter_context(zstandard.ZstdDecompressor().stream_reader(raw)))
        archive = stack.enter_context(tarfile.open(fileobj=stream, mode="r|"))
        # Debian 12's Python 3.11.2 is older than tarfile's own filters: what may be unpacked is decided here.
        archive.extraction_filter = lambda member, _: member
        archive.extractall(root, members=_inside(archive, root))  # noqa: S202 - every member is checked


def _inside(archive: tarfile.TarFile, root: Path) -> Iterator[tarfile.TarInfo]:
    """Yield the members that may be unpacked, one after the other, when all before them are on disk.

    Raises ``PullError`` for one that would be written, or would point, outside ``root``. Device files, which
    need privileges, are left out.
    """
    for member in archive:
        if member.isdev():
            continue
        here = root / posixpath.dirname(member.name)
        if member.issym() and member.linkname.startswith("/"):
            # What is absolute in the image is relative to the folder that stands for its root.
            start = posixpath.dirname(posixpath.normpath("/" + member.name))
            member.linkname = posixpath.relpath(member.linkname, start)
        places = [here / posixpath.basename(member.name)]
        if member.issym():
            places.append(here / member.linkname)
        if member.islnk():
            places.append(root / member.linkname)
        if any(not _is_below(place, root) for place in places):
            raise PullError("a layer would write outside its root", subject=member.name)
        member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
        member.mode = member.mode & 0o755 | (0o700 if member.isdir() else 0o600)
        yield member


def _is_below(place: Path, root: Path) -> bool:
    """Whether ``place``, links followed as they now stand on disk, is ``root`` or below it."""
    real, top = os.path.realpath(place), os.path.realpath(root)
    return real == top or real.startswith(top + os.sep)


def _stack(layer: Path, root: Path) -> None:
    """Put one layer over those below it: its files replace theirs, its whiteouts remove them."""
    for place, folders, files in os.walk(layer):
        target = root / Path(place).relative_to(layer)
        if _OPAQUE in files:
            for child in target.iterdir():
                _remove(child)
        for name in folders:
            _put_folder(Path(place) / name, target / name)
        for name in files:
            if name == _OPAQUE:
                continue
            if name.startswith(_WHITEOUT):
                _remove(target / name.removeprefix(_WHITEOUT))
                continue
            _remove(target / name)
            os.link(Path(place) / name, target / name, follow_symlinks=False)


def _put_folder(source: Path, target: Path) -> None:
    if source.is_symlink():
        _remove(target)
        target.symlink_to(source.readlink())
        return
    if target.is_symlink() or not target.is_dir():
        _remove(target)
        target.mkdir()
    target.chmod(source.stat().st_mode & 0o777 | 0o700)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
