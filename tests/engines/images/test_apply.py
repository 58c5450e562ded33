"""Pushing to a real registry protocol (the emulated ECR), and what happens when that goes wrong."""

from __future__ import annotations

import json
import os

import pytest
from urllib3 import Retry

from engines.aws import client
from engines.errors import ConfigurationError
from engines.images import registry as registry_module
from engines.images.apply import publish, source_tag
from engines.images.build import build
from engines.images.cache import Cache
from engines.images.ecr import Repository
from engines.images.errors import RegistryError, RepositoryMissingError
from engines.images.model import Descriptor, Manifest, digest_of

UNAUTHORIZED = (401, "UNAUTHORIZED", "authentication required")
EXPIRED = (403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def images(repository: Repository) -> list[dict]:
    return client("ecr").describe_images(repositoryName=repository.name)["imageDetails"]


def test_the_image_arrives_by_digest_and_can_be_pulled(tmp_path, recipe, repository, proxy, cache):
    done = publish(recipe, repository, cache, tags=["1.4.0"])
    assert done.changed
    assert done.built
    assert done.image == f"{repository.url}@{done.digest}"
    assert all(layer.pushed for layer in done.layers)
    assert done.pushed_bytes == sum(layer.size for layer in done.layers) > 0
    [image] = images(repository)
    assert image["imageDigest"] == done.digest
    assert set(image["imageTags"]) == {"1.4.0", source_tag(recipe.source_digest)}
    registry = repository.registry()
    digest, content = registry.manifest(done.digest)
    manifest = Manifest.read(content)
    assert digest == done.digest
    config = json.loads(registry.read(manifest.config.digest))
    assert config["config"]["Labels"]["bmii.migrate.source-digest"] == done.source_digest
    for number, layer in enumerate(manifest.layers):
        registry.download(layer, tmp_path / str(number))
        assert digest_of((tmp_path / str(number)).read_bytes()) == layer.digest
    # The manifest goes last: no request that stores a blob comes after the first one that stores a manifest.
    writes = proxy.sent("POST", "PUT")
    first = next(index for index, path in enumerate(writes) if "/manifests/" in path)
    assert all("/manifests/" in path for path in writes[first:])
    assert all(token.startswith("Basic ") for _, _, token in proxy.requests)


def test_unchanged_sources_send_nothing_and_build_nothing(tmp_path, recipe, repository, proxy, cache):
    first = publish(recipe, repository, cache, tags=["1.4.0"])
    for again in (cache, Cache(tmp_path / "another machine")):
        proxy.requests.clear()
        second = publish(recipe, repository, again, tags=["1.4.0"])
        assert (second.changed, second.built, second.pushed_bytes) == (False, False, 0)
        assert (second.image, second.layers[0].digest) == (first.image, first.layers[0].digest)
        assert proxy.sent("POST", "PUT", "PATCH") == []
    assert not (tmp_path / "another machine").exists()


def test_another_application_sends_its_layer_alone(service, recipe_of, repository, cache):
    publish(recipe_of(service), repository, cache)
    (service / "bmii" / "__init__.py").write_text("import alpha  # changed\n")
    done = publish(recipe_of(service), repository, cache)
    assert [layer.pushed for layer in done.layers] == [False, True]
    assert done.pushed_bytes == done.layers[1].size


def test_a_tag_that_is_missing_is_set_without_a_build(tmp_path, recipe, repository, proxy, cache):
    first = publish(recipe, repository, cache)
    proxy.requests.clear()
    checked = publish(recipe, repository, cache, tags=["1.4.1"], check=True)
    assert (checked.changed, checked.built, checked.tags_set) == (True, False, ("1.4.1",))
    assert proxy.sent("POST", "PUT") == []
    done = publish(recipe, repository, Cache(tmp_path / "none"), tags=["1.4.1"])
    assert (done.changed, done.built, done.digest) == (True, False, first.digest)
    assert [path.rpartition("/")[2] for path in proxy.sent("POST", "PUT")] == ["1.4.1"]


def test_check_writes_nothing_and_says_what_the_run_does(recipe, repository, proxy, cache):
    checked = publish(recipe, repository, cache, check=True)
    assert (checked.changed, checked.built, checked.image, checked.digest) == (True, True, "", "")
    assert checked.diff("r")["before"] == ""
    assert not cache.root.exists()
    assert proxy.sent("POST", "PUT") == []
    done = publish(recipe, repository, cache)
    assert (done.source_digest, done.tags) == (checked.source_digest, checked.tags)
    after = publish(recipe, repository, cache, check=True)
    assert (after.changed, after.built, after.image) == (False, False, done.image)
    assert after.diff("r")["before"] == after.diff("r")["after"] != ""


def test_check_does_without_a_repository(recipe, repository, cache):
    assert publish(recipe, None, cache, check=True).changed
    missing = Repository(repository.url + "x", repository.name + "x", repository.endpoint)
    assert publish(recipe, missing, cache, check=True).changed
    with pytest.raises(ConfigurationError, match="provision"):
        publish(recipe, None, cache)


def test_a_missing_repository_is_said_before_anything_is_built(recipe, repository, cache):
    missing = Repository(repository.url + "x", repository.name + "x", repository.endpoint)
    with pytest.raises(RepositoryMissingError, match=r"does not exist in the registry.*provision"):
        publish(recipe, missing, cache)
    assert not cache.root.exists()


@pytest.mark.parametrize("refusal", [UNAUTHORIZED, EXPIRED])
def test_a_token_that_expires_is_renewed_once(recipe, repository, proxy, cache, refusal):
    proxy.spoil.append(["PUT", "/blobs/uploads/", 1, refusal])
    assert publish(recipe, repository, cache).changed
    assert images(repository)


@pytest.mark.parametrize("refusal", [UNAUTHORIZED, EXPIRED])
def test_a_token_that_is_never_taken_is_a_clear_error(recipe, repository, proxy, cache, refusal):
    proxy.spoil.append(["PUT", "/blobs/uploads/", 99, refusal])
    with pytest.raises(RegistryError, match=r"token has expired.*sign in again"):
        publish(recipe, repository, cache)
    assert images(repository) == []
    proxy.spoil.clear()
    assert publish(recipe, repository, cache).changed


def test_missing_permission_names_the_actions(recipe, repository, proxy, cache):
    proxy.spoil.append(["POST", "/blobs/uploads/", 99, (403, "DENIED", "User is not authorized")])
    with pytest.raises(RegistryError, match="ecr:InitiateLayerUpload"):
        publish(recipe, repository, cache)


def test_an_upload_that_is_cut_is_begun_anew(recipe, repository, proxy, cache):
    proxy.spoil.append(["PUT", "/blobs/uploads/", 2, None])
    assert publish(recipe, repository, cache).changed
    assert images(repository)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_registry_that_is_busy_is_asked_again_later(recipe, repository, proxy, cache, method):
    proxy.spoil.append([method, "/blobs/uploads/", 2, (429, "TOOMANYREQUESTS", "Rate exceeded")])
    assert publish(recipe, repository, cache).changed
    assert images(repository)


def test_a_registry_that_goes_away_leaves_no_image_and_the_next_run_goes_on(
    recipe, repository, proxy, cache, monkeypatch
):
    monkeypatch.setattr(registry_module, "_RETRY", Retry(total=1))
    proxy.spoil.append(["PUT", "/manifests/", 99, None])
    with pytest.raises(RegistryError, match=r"cannot be reached.*same command"):
        publish(recipe, repository, cache)
    assert images(repository) == []
    proxy.spoil.clear()
    proxy.requests.clear()
    done = publish(recipe, repository, cache)
    assert (done.built, done.pushed_bytes, len(done.layers)) == (False, 0, 2)
    assert not [path for path in proxy.sent("PUT") if "/blobs/" in path]


@pytest.mark.parametrize("part", ["/manifests/", "/blobs/"])
def test_a_digest_that_the_registry_answers_is_checked(recipe, repository, proxy, cache, part):
    proxy.spoil.append(["PUT", part, 99, ("Docker-Content-Digest", "sha256:" + "0" * 64)])
    with pytest.raises(RegistryError, match=r"answered sha256:0000\S+ for sha256:"):
        publish(recipe, repository, cache)


def test_a_manifest_or_blob_that_is_altered_on_the_way_is_refused(tmp_path, recipe, repository, proxy, cache):
    done = publish(recipe, repository, cache)
    registry = repository.registry()
    proxy.spoil.append(["GET", "/manifests/", 99, ("body", b"{}")])
    with pytest.raises(RegistryError, match="rewrites it"):
        registry.manifest(done.digest)
    layer = done.layers[0]
    proxy.spoil.append(["GET", "/blobs/", 99, ("body", b"something else")])
    with pytest.raises(RegistryError, match="rewrites it"):
        registry.download(Descriptor("", layer.digest, layer.size), tmp_path / "layer")
    with pytest.raises(RegistryError, match="rewrites it"):
        registry.read(layer.digest)
    assert not list(tmp_path.glob("layer*"))


def test_a_layer_that_rotted_in_the_cache_is_refused_by_its_digest(recipe, repository, cache):
    image, _ = build(recipe, cache)
    blob = image.blob(image.manifest.layers[0].digest)
    blob.write_bytes(os.urandom(blob.stat().st_size))
    with pytest.raises(RegistryError, match=r"DIGEST_INVALID.*delete the folder"):
        publish(recipe, repository, cache)
    assert images(repository) == []


def test_an_immutable_tag_is_refused_before_anything_is_sent(service, recipe_of, repository, proxy, cache):
    client("ecr").put_image_tag_mutability(repositoryName=repository.name, imageTagMutability="IMMUTABLE")
    publish(recipe_of(service), repository, cache, tags=["1.4.0"])
    (service / "bmii" / "__init__.py").write_text("import alpha  # changed\n")
    proxy.requests.clear()
    with pytest.raises(RegistryError, match=r"tag 1\.4\.0 names another image.*Raise the version"):
        publish(recipe_of(service), repository, cache, tags=["1.4.0"])
    assert proxy.sent("POST", "PUT") == []
    assert publish(recipe_of(service), repository, cache, tags=["1.4.1"]).changed


def test_a_source_tag_on_another_image_is_not_believed(service, recipe_of, repository, cache):
    one = recipe_of(service)
    first = publish(one, repository, cache)
    (service / "bmii" / "__init__.py").write_text("import alpha  # changed\n")
    two = recipe_of(service)
    _, content = repository.registry().manifest(first.digest)
    repository.registry().put_manifest(source_tag(two.source_digest), content)
    done = publish(two, repository, cache)
    assert done.changed
    assert done.digest != first.digest


@pytest.mark.parametrize("tag", ["latest", "source-abc", "a b", ""])
def test_tags_that_say_nothing_are_refused(recipe, cache, tag):
    with pytest.raises(ConfigurationError, match="tags"):
        publish(recipe, None, cache, tags=[tag], check=True)


@pytest.mark.parametrize(
    ("url", "endpoint", "word"),
    [
        ("", "", "repository_url"),
        ("host", "", "repository_url"),
        ("https://host/name", "", "repository_url"),
        ("host/name", "http://registry.example.com", "registry"),
        ("host/name", "http://10.0.0.1:5000", "registry"),
        ("host/name", "ftp://127.0.0.1", "registry"),
    ],
)
def test_where_a_token_must_not_go(url, endpoint, word):
    with pytest.raises(ConfigurationError, match=word):
        Repository.locate(url, endpoint=endpoint)


def test_where_a_repository_is():
    assert Repository.locate("host/team/name").endpoint == "https://host"
    assert Repository.locate("host/team/name").name == "team/name"
    assert Repository.locate("host/name", endpoint="http://[::1]:80/").endpoint == "http://[::1]:80"
