"""The same sources give the same image, others give another; a killed build leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import textwrap
import time
from pathlib import Path

import pytest
import zstandard

from engines.errors import ConfigurationError
from engines.images import layers
from engines.images.build import build
from engines.images.cache import Cache, ImageFolder
from engines.images.errors import ImageError
from engines.images.model import Platform, digest_of
from engines.images.recipe import Package
from engines.images.wheels import index_environment


def members(image: ImageFolder, layer: int) -> dict[str, tarfile.TarInfo]:
    descriptor = image.manifest.layers[layer]
    packed = image.blob(descriptor.digest).read_bytes()
    if descriptor.media_type.endswith("gzip"):
        plain = gzip.decompress(packed)
    else:
        plain = zstandard.ZstdDecompressor().stream_reader(packed).read()
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        return {member.name: member for member in archive}


def unpack(image: ImageFolder, target: Path) -> None:
    for descriptor in image.manifest.layers:
        packed = image.blob(descriptor.digest).read_bytes()
        plain = zstandard.ZstdDecompressor().stream_reader(packed).read()
        with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
            # The `filter` argument came after Debian 12's Python 3.11.2.
            archive.extraction_filter = lambda member, _: member
            archive.extractall(target)  # noqa: S202 - an image that the test has built


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_two_folders_give_one_digest(tmp_path, service, compression, recipe_of):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(service, elsewhere)
    for number, path in enumerate(sorted(elsewhere.rglob("*"))):
        os.utime(path, (number * 1000, number * 1000))
        path.chmod(path.stat().st_mode & 0o700)
    one = recipe_of(service, compression=compression)
    other = recipe_of(elsewhere, compression=compression)
    assert one.source_digest == other.source_digest
    first, built = build(one, Cache(tmp_path / "cache-1"))
    second, built_too = build(other, Cache(tmp_path / "cache-2"))
    assert (built, built_too) == (True, True)
    assert first.digest == second.digest
    assert [path.name for path in sorted((first.folder / "blobs/sha256").iterdir())] == [
        path.name for path in sorted((second.folder / "blobs/sha256").iterdir())
    ]


def test_the_number_of_processors_does_not_show(tmp_path, monkeypatch):
    entries = [
        layers.Entry("a", os.urandom(1 << 20) + b"text " * 2_000_000),
        layers.Entry("b", b"b" * 5_000_000),
    ]
    for compression in ("zstd", "gzip"):
        digests = set()
        for threads in (1, 2, 5):
            monkeypatch.setattr(layers, "_THREADS", threads)
            digests.add(layers.pack(entries, tmp_path, compression, "").descriptor.digest)
        assert len(digests) == 1


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_a_layer_is_what_its_digests_say(tmp_path, compression):
    content = os.urandom(3_000_000)
    (tmp_path / "large").write_bytes(content)
    entries = [layers.Entry("app/large", tmp_path / "large", executable=True), layers.Entry("app/a", b"a")]
    layer = layers.pack(entries, tmp_path, compression, "title")
    packed = (tmp_path / layer.descriptor.digest.removeprefix("sha256:")).read_bytes()
    assert digest_of(packed) == layer.descriptor.digest
    assert len(packed) == layer.descriptor.size
    plain = (
        gzip.decompress(packed)
        if compression == "gzip"
        else zstandard.ZstdDecompressor().stream_reader(packed).read()
    )
    assert digest_of(plain) == layer.diff_id
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        assert archive.getnames() == ["app", "app/a", "app/large"]
        assert archive.extractfile("app/large").read() == content
        assert [(m.mode, m.uid, m.gid, m.mtime, m.uname) for m in archive] == [
            (0o755, 0, 0, 0, ""),
            (0o644, 0, 0, 0, ""),
            (0o755, 0, 0, 0, ""),
        ]


def test_wheels_are_below_and_the_application_is_the_last_layer(tmp_path, recipe):
    image, _ = build(recipe, Cache(tmp_path / "cache"))
    libraries, application = members(image, 0), members(image, 1)
    assert len(image.manifest.layers) == 2
    assert {name for name in application if application[name].isfile()} == {
        "app/bmii/__init__.py",
        "app/bmii/__main__.py",
        "app/bmii/reference/a.csv",
        "app/bmii/run.sh",
    }
    assert application["app/bmii/run.sh"].mode == 0o755
    assert "app/site-packages/beta/__init__.py" in libraries
    assert "app/site-packages/alpha-1.0.dist-info/entry_points.txt" in libraries
    assert f"app/site-packages/alpha/{'long' * 30}.py" in libraries
    # Tests are left out, but not those that the package imports itself; scripts and installer's notes are.
    assert "app/site-packages/alpha/tests/used.py" in libraries
    assert not [name for name in libraries if "beta/tests" in name]
    assert not [name for name in libraries if name.endswith(("RECORD", "INSTALLER", "REQUESTED", ".lock"))]
    assert not [name for name in libraries if "/bin" in name or "__pycache__" in name]


def test_the_config_says_how_to_run_it(tmp_path, service, recipe_of):
    labels = {"org.opencontainers.image.created": "2026-11-22T10:00:00Z", "version": "1"}
    recipe = recipe_of(service, labels=labels, platform=Platform("linux", "arm64"))
    image, _ = build(recipe, Cache(tmp_path / "cache"))
    config = json.loads(image.blob(image.manifest.config.digest).read_bytes())
    assert (config["os"], config["architecture"]) == ("linux", "arm64")
    assert config["created"] == "2026-11-22T10:00:00Z"
    run = config["config"]
    assert run["Entrypoint"] == ["python3", "-m", "bmii", "serve"]
    assert run["User"] == "65532:65532"
    assert run["WorkingDir"] == "/app"
    assert run["ExposedPorts"] == {}
    assert {"PYTHONPATH=/app/site-packages:/app", "PYTHONUNBUFFERED=1", "PYTHON_VERSION=3.13"} <= set(
        run["Env"]
    )
    assert run["Labels"] == {**labels, "bmii.migrate.source-digest": recipe.source_digest}
    assert len(config["rootfs"]["diff_ids"]) == len(image.manifest.layers) == len(config["history"])


def test_what_is_in_the_image_runs(tmp_path, recipe):
    image, _ = build(recipe, Cache(tmp_path / "cache"))
    unpack(image, tmp_path / "root")
    root = tmp_path / "root" / "app"
    said = subprocess.run(
        [sys.executable, "-S", "-m", "bmii", "serve"],
        cwd=root,
        env={"PYTHONPATH": f"{root}/site-packages:{root}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "hello alpha beta ['serve']\n"


def test_another_application_leaves_the_wheels_alone(tmp_path, service, recipe_of):
    cache = Cache(tmp_path / "cache")
    first, _ = build(recipe_of(service), cache)

    def unexpected(recipe, target):
        raise AssertionError("the wheels were fetched again")

    again, built = build(recipe_of(service), cache, unexpected)
    assert (again.digest, built) == (first.digest, False)
    (service / "bmii" / "__init__.py").write_text("import alpha  # changed\n")
    second, built = build(recipe_of(service), cache, unexpected)
    assert built
    assert second.manifest.layers[0] == first.manifest.layers[0]
    assert second.manifest.layers[1] != first.manifest.layers[1]


def test_every_input_is_in_the_source_digest(service, recipe_of):
    original = recipe_of(service).source_digest
    changes = [
        {"labels": {"a": "b"}},
        {"python_version": "3.12"},
        {"platform": Platform("linux", "arm64")},
        {"entrypoint": ("x",)},
        {"compression": "gzip"},
        {"packages": (Package(service / "bmii", "/app/other"),)},
    ]
    digests = [recipe_of(service, **change).source_digest for change in changes]
    (service / "bmii" / "run.sh").chmod(0o644)
    digests.append(recipe_of(service).source_digest)
    with (service / "requirements.lock").open("a") as lock:
        lock.write("# another\n")
    digests.append(recipe_of(service).source_digest)
    assert len({original, *digests}) == 1 + len(digests)
    junk = service / "bmii" / "__pycache__" / "y.pyc"
    junk.write_text("junk")
    assert recipe_of(service).source_digest == digests[-1]


def test_a_damaged_cache_is_built_anew(tmp_path, recipe):
    cache = Cache(tmp_path / "cache")
    image, _ = build(recipe, cache)
    digest = image.digest
    for blob in (cache.root / "wheels").rglob("sha256/*"):
        blob.unlink()
    layer = image.blob(image.manifest.layers[0].digest)
    layer.write_bytes(layer.read_bytes()[:-1])
    again, built = build(recipe, cache)
    assert (again.digest, built) == (digest, True)
    assert again.is_whole()


def test_the_cache_keeps_a_few_and_no_more(tmp_path, service, recipe_of):
    cache = Cache(tmp_path / "cache")
    for number in range(7):
        image, _ = build(recipe_of(service, labels={"number": str(number)}), cache)
    assert len(list((cache.root / "images").iterdir())) == 5
    assert image.is_whole()
    assert not list((cache.root / "unfinished").iterdir())


_PRELUDE = """
    import sys, time
    from pathlib import Path
    from engines.images import build as module, layers
    from engines.images.cache import Cache
    from engines.images.recipe import Package, Recipe
    from engines.images.model import Platform

    service, cache, step = Path(sys.argv[1]), Cache(Path(sys.argv[2])), sys.argv[3]
    recipe = Recipe(
        packages=(Package(service / "bmii", "/app/bmii"),),
        requirements=service / "requirements.lock",
        python_version="3.13",
        platform=Platform("linux", "amd64"),
        labels={"org.opencontainers.image.title": "bmii"},
        entrypoint=("python3", "-m", "bmii", "serve"),
    )
"""
_STOP_AT_A_LAYER = """
    real = layers.pack
    def pack(entries, blobs, compression, title):
        if title == step:
            (blobs / "unfinished").write_bytes(b"half a layer")
            print("here", flush=True)
            time.sleep(60)
        return real(entries, blobs, compression, title)
    layers.pack = pack
    module.build(recipe, cache)
"""
_BUILD = """
    print("here", flush=True)
    print(module.build(recipe, cache)[1])
"""


def start(program: str, service: Path, cache: Cache, step: str = "") -> subprocess.Popen[str]:
    source = textwrap.dedent(_PRELUDE) + textwrap.dedent(program)
    command = [sys.executable, "-c", source, str(service), str(cache.root), step]
    return subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("step", ["python libraries", "application"])
def test_a_killed_build_is_finished_by_the_next_one(tmp_path, service, recipe_of, step):
    expected = build(recipe_of(service), Cache(tmp_path / "clean"))[0].digest
    cache = Cache(tmp_path / "cache")
    with start(_STOP_AT_A_LAYER, service, cache, step) as process:
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
    assert list((cache.root / "unfinished").iterdir())
    assert cache.image(recipe_of(service).source_digest) is None
    image, built = build(recipe_of(service), cache)
    assert (image.digest, built) == (expected, True)
    assert not list((cache.root / "unfinished").iterdir())


def test_a_build_waits_for_the_one_at_work(tmp_path, service):
    cache = Cache(tmp_path / "cache")
    with cache.locked():
        process = start(_BUILD, service, cache)
        assert process.stdout.readline() == "here\n"
        time.sleep(0.5)  # long enough to begin, were it not for the lock
        assert not (cache.root / "unfinished").exists()
    assert process.communicate()[0] == "True\n"


def test_what_cannot_be_built_is_refused(tmp_path, service, recipe_of):
    for changes, word in [
        ({"base": "python:3.13"}, "base"),
        ({"python_version": "3"}, "python_version"),
        ({"compression": "xz"}, "compression"),
        ({"requirements": tmp_path / "none.lock"}, "none.lock"),
    ]:
        with pytest.raises(ConfigurationError, match=word):
            recipe_of(service, **changes)
    for package, word in [
        (Package(service / "none", "/app/none"), "does not exist"),
        (Package(service / "bmii", "app"), "absolute"),
        (Package(service / "bmii", "/app/../etc"), "absolute"),
    ]:
        with pytest.raises(ConfigurationError, match=word):
            _ = recipe_of(service, packages=(package,)).files
    twice = (Package(service / "bmii", "/app/a"), Package(service / "bmii", "/app/a"))
    with pytest.raises(ConfigurationError, match="twice"):
        _ = recipe_of(service, packages=twice).files
    (service / "bmii" / "link").symlink_to("/etc/passwd")
    with pytest.raises(ConfigurationError, match="not a regular file"):
        _ = recipe_of(service).files


def test_a_wheel_that_is_not_the_locked_one_is_refused(tmp_path, service, recipe_of):
    lock = (service / "requirements.lock").read_text()
    (service / "requirements.lock").write_text(lock.replace("sha256:", "sha256:0000", 1)[:-5] + "\n")
    cache = Cache(tmp_path / "cache")
    with pytest.raises(ImageError, match="could not be fetched"):
        build(recipe_of(service), cache)
    (service / "requirements.lock").write_text("missing==1.0 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(ImageError, match="missing"):
        build(recipe_of(service), cache)
    assert not (cache.root / "images").exists()
    assert not list((cache.root / "unfinished").iterdir())


def test_an_unwritable_cache_is_said(tmp_path, recipe):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cache_dir"):
        build(recipe, Cache(tmp_path / "file" / "cache"))


def test_the_index_of_pip_is_handed_to_uv(monkeypatch, tmp_path):
    assert index_environment({"PIP_INDEX_URL": "https://a/"}) == {"UV_DEFAULT_INDEX": "https://a/"}
    assert index_environment({"PIP_INDEX_URL": "https://a/", "UV_DEFAULT_INDEX": "https://b/"}) == {}
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://c/\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    assert index_environment({}) == {"UV_DEFAULT_INDEX": "https://c/"}
