"""The parts of the Fargate runner that need no emulator."""

import gzip
import io
import sys
import tarfile
import time

import pytest
import zstandard

from rehearsal.fargate import command as commands
from rehearsal.fargate import memory
from rehearsal.fargate.registry import Image, PullError, Reference, parse
from rehearsal.fargate.rootfs import unpack
from rehearsal.fargate.task import Container


class _Registry:
    """Layers at hand, by name."""

    def __init__(self, **layers):
        self.layers = layers

    def download(self, repository, digest, target):
        target.write_bytes(self.layers[digest.removeprefix("sha256:")])


def _tar(*members):
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind == tarfile.REGTYPE:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content
                archive.addfile(member)
    return plain.getvalue()


def _file(name, content=b"x"):
    return name, tarfile.REGTYPE, content


def _unpack(folder, **layers):
    image = Image("sha256:image", {}, tuple({"digest": f"sha256:{name}"} for name in layers))
    return unpack(image, "repository", _Registry(**layers), folder)


def _listing(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def test_layers_are_stacked_and_whiteouts_remove(tmp_path):
    root = _unpack(
        tmp_path,
        a=gzip.compress(
            _tar(_file("app/one", b"old"), _file("app/two"), _file("lib/gone/deep"), _file("etc/x"))
        ),
        b=zstandard.compress(_tar(_file("app/one", b"new"), _file("app/.wh.two"), _file("lib/.wh.gone"))),
        c=_tar(_file("etc/.wh..wh..opq", b""), _file("etc/y")),
    )
    assert _listing(root) == ["app/one", "etc/y"]
    assert (root / "app/one").read_text() == "new"


def test_an_unpacked_image_is_not_fetched_again(tmp_path):
    root = _unpack(tmp_path, a=_tar(_file("one")))
    image = Image("sha256:image", {}, ({"digest": "sha256:a"},))
    assert unpack(image, "repository", _Registry(), tmp_path) == root


@pytest.mark.parametrize(
    "member",
    [
        _file("../escaped"),
        ("link", tarfile.SYMTYPE, "../../outside"),
        ("hard", tarfile.LNKTYPE, "../../outside"),
    ],
)
def test_a_layer_cannot_write_outside_its_root(tmp_path, member):
    with pytest.raises(PullError, match="outside its root"):
        _unpack(tmp_path / "images", a=_tar(member))
    assert not (tmp_path / "escaped").exists()
    assert not list((tmp_path / "images").rglob("rootfs"))


def test_a_symlink_of_a_lower_layer_is_replaced_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    root = _unpack(
        tmp_path / "images",
        a=_tar(("app", tarfile.SYMTYPE, str(outside))),
        b=_tar(_file("app/file")),
    )
    assert list(outside.iterdir()) == []
    assert (root / "app/file").is_file()


def test_absolute_links_stay_in_the_image(tmp_path):
    root = _unpack(
        tmp_path, a=_tar(_file("usr/bin/real"), ("usr/bin/name", tarfile.SYMTYPE, "/usr/bin/real"))
    )
    assert (root / "usr/bin/name").resolve() == root / "usr/bin/real"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("000000000000.dkr.ecr.us-east-1.amazonaws.com/bmii:v1", Reference("bmii", "v1")),
        ("localhost:4566/a/b@sha256:" + "0" * 64, Reference("a/b", "sha256:" + "0" * 64)),
        ("127.0.0.1:4566/bmii", Reference("bmii", "latest")),
    ],
)
def test_image_names(image, expected):
    assert parse(image, 4566) == expected


@pytest.mark.parametrize("image", ["python:3", "docker.io/library/python:3", "localhost:1/bmii:v1"])
def test_other_registries_are_refused(image):
    with pytest.raises(PullError, match="pull access denied"):
        parse(image, 4566)


def _build(rootfs, config, **more):
    options = {"command": None, "environment": {}, "injected": {}, **more}
    return commands.build(config, rootfs, **options)


def test_python_is_ours_and_paths_are_the_image_s(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_OF_OURS", "seen")
    (tmp_path / "app").mkdir()
    config = {
        "Entrypoint": ["python3", "-m", "bmii"],
        "Cmd": ["serve", "/app"],
        "WorkingDir": "/app",
        "Env": ["PYTHONPATH=/app/packages:/app", "DATA=/app", "URL=/not/there", "PLAIN=image"],
    }
    built = _build(tmp_path, config, environment={"PLAIN": "task"}, injected={"BIND_HOST": "127.9.9.9"})
    assert built.arguments == (commands.interpreter(), "-S", "-m", "bmii", "serve", f"{tmp_path}/app")
    assert built.folder == tmp_path / "app"
    assert built.environment["PYTHONPATH"] == f"{tmp_path}/app/packages:{tmp_path}/app"
    assert built.environment["DATA"] == f"{tmp_path}/app"
    assert built.environment["URL"] == "/not/there"
    assert built.environment["PLAIN"] == "task"
    assert built.environment["BIND_HOST"] == "127.9.9.9"
    assert "SECRET_OF_OURS" not in built.environment


def test_the_task_s_command_replaces_the_image_s(tmp_path):
    built = _build(tmp_path, {"Entrypoint": ["python3"], "Cmd": ["a"]}, command=["b"])
    assert built.arguments[2:] == ("b",)


def test_the_task_s_entry_point_replaces_the_image_s_command_too(tmp_path):
    config = {"Entrypoint": ["python3", "-m", "serve"], "Cmd": ["a"]}
    assert _build(tmp_path, config, entrypoint=["python3", "-m", "work"]).arguments[2:] == ("-m", "work")
    built = _build(tmp_path, config, entrypoint=["python3"], command=["b"])
    assert built.arguments[2:] == ("b",)


def test_another_python_is_refused(tmp_path):
    with pytest.raises(PullError, match=r"made for Python 3\.9"):
        _build(tmp_path, {"Entrypoint": ["python3"], "Env": ["PYTHON_VERSION=3.9.1"]})


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PullError, match="executable file not found"):
        _build(tmp_path, {"Entrypoint": ["/bin/nothing"], "Env": []})


def _container(tmp_path, *words):
    command = commands.Command(words, {"PATH": "/usr/bin:/bin"}, tmp_path)
    return Container("0" * 64, command, tmp_path / "log", address="127.9.9.9", labels={})


def test_output_is_followed_to_its_end(tmp_path):
    container = _container(tmp_path, sys.executable, "-c", "print('one', flush=True); print('two', end='')")
    assert list(container.logs(stream=True, follow=True)) == [b"one", b"two"]
    assert container.logs(tail=1) == b"two"
    assert container.status == "exited"
    assert container.wait() == {"StatusCode": 0}


def test_a_task_that_ignores_sigterm_is_killed(tmp_path):
    script = "import signal,time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    container = _container(tmp_path, sys.executable, "-c", script)
    while b"up" not in container.logs():
        time.sleep(0.05)
    container.stop(timeout=0.2)
    assert container.wait() == {"StatusCode": 137}


def _grower(tmp_path, limit):
    # The child is counted with its parent.
    hoard = "import os, time; hoard = os.urandom(1 << 25); print('up', flush=True); time.sleep(60)"
    words = (
        sys.executable,
        "-c",
        f"import subprocess; subprocess.run([{sys.executable!r}, '-c', {hoard!r}])",
    )
    command = commands.Command(words, {"PATH": "/usr/bin:/bin"}, tmp_path)
    container = Container("0" * 64, command, tmp_path / "log", address="", labels={}, memory_limit=limit)
    while b"up" not in container.logs():
        time.sleep(0.05)
    return container


def test_a_task_that_uses_more_memory_than_it_may_is_killed(tmp_path):
    container = _grower(tmp_path, 32 << 20)
    memory.enforce([container])
    assert container.wait() == {"StatusCode": 137}
    assert container.out_of_memory


def test_a_task_within_its_memory_is_left_alone(tmp_path):
    container = _grower(tmp_path, 256 << 20)
    memory.enforce([container])
    assert container.status == "running"
    container.stop(timeout=5)
    assert not container.out_of_memory


def test_a_program_for_another_machine_is_an_exec_format_error(tmp_path):
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 100)
    program.chmod(0o755)
    container = _container(tmp_path, str(program))
    assert container.wait() == {"StatusCode": 126}
    assert b"exec format error" in container.logs()
