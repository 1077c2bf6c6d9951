"""A file is written whole or not at all, and nothing is left behind."""

import os
import stat
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpo_model.files import write_bytes, write_text


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "settings.json"


def only(target: Path) -> None:
    """Nothing else lies beside the file."""
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def raising(error: BaseException) -> Any:
    def fail(*args: object) -> NoReturn:
        raise error

    return fail


def test_missing_folders_are_made(target: Path) -> None:
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    only(target)


def test_an_old_file_is_replaced(target: Path) -> None:
    write_bytes(target, b"a long old content")
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    only(target)


@pytest.mark.parametrize("data", [b"", b"\x00\xff", b"a\r\nb\n", b"x" * 5_000_000], ids=lambda data: repr(data[:5]))
def test_bytes_are_written_as_they_are(data: bytes, target: Path) -> None:
    write_bytes(target, data)
    assert target.read_bytes() == data


@pytest.mark.parametrize("text", ["", "a\nb", "a\r\nb\r\n", "a\rb", "caf\u00e9 桜 👩‍🚀", "\ufeffx", "\x00\u2028"])
def test_text_is_written_in_utf_8_with_its_own_line_ends(text: str, target: Path) -> None:
    write_text(target, text)
    assert target.read_bytes() == text.encode()
    only(target)


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), MemoryError()], ids=repr)
def test_after_a_failure_the_old_file_is_whole_and_alone(
    step: str, error: BaseException, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bytes(target, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, step, raising(error))
        with pytest.raises(type(error)):
            write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    only(target)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_after_a_failure_no_new_file_is_there(step: str, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, step, raising(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            write_bytes(target, b"new")
    assert list(target.parent.iterdir()) == []


def test_data_of_a_wrong_type_leaves_nothing_behind(target: Path) -> None:
    write_bytes(target, b"old")
    with pytest.raises(TypeError):
        write_bytes(target, "text")  # type: ignore[arg-type]  # the mistake under test
    assert target.read_bytes() == b"old"
    only(target)


def test_text_that_is_not_unicode_leaves_the_old_file(target: Path) -> None:
    write_text(target, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(target, "lone \ud800")
    assert target.read_text(encoding="utf-8") == "old"
    only(target)


def test_the_old_content_stands_until_the_new_one_is_complete(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(target, b"old")
    seen: list[tuple[bytes, bytes]] = []
    replace = os.replace

    def watched(source: str, destination: Path) -> None:
        seen.append((Path(source).read_bytes(), Path(destination).read_bytes()))
        assert Path(source).parent == target.parent, "only within one folder is the step atomic"
        replace(source, destination)

    monkeypatch.setattr(os, "replace", watched)
    write_bytes(target, b"new")
    assert seen == [(b"new", b"old")]
    assert target.read_bytes() == b"new"


def test_a_folder_in_place_of_the_file_is_an_error_that_leaves_nothing_behind(target: Path) -> None:
    target.mkdir(parents=True)
    with pytest.raises(OSError, match=target.name):
        write_bytes(target, b"new")
    assert target.is_dir()
    only(target)


def test_a_file_in_place_of_the_folder_is_an_error(target: Path) -> None:
    target.parent.write_bytes(b"taken")
    with pytest.raises(OSError, match="folder"):
        write_bytes(target, b"new")
    assert target.parent.read_bytes() == b"taken"


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_text_comes_back(tmp_path: Path, text: str) -> None:
    write_text(tmp_path / "x", text)
    assert (tmp_path / "x").read_bytes().decode() == text


@pytest.mark.skipif(os.name != "posix", reason="modes of files are a matter of POSIX")
def test_a_new_file_may_be_read_by_whom_the_system_lets(target: Path) -> None:
    ordinary = target.parent.parent / "ordinary"
    ordinary.write_bytes(b"")
    write_bytes(target, b"new")
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)
