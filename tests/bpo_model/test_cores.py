"""What a container may use counts, not what its host has: more threads than that stall each other."""

import os
from pathlib import Path

import pytest

from bpo_model import cores


@pytest.mark.parametrize(
    ("limit", "quota"),
    [("150000 100000\n", 1.5), ("max 100000\n", None), ("", None), ("200000 0\n", None), ("50000 100000", 0.5)],
)
def test_the_quota_is_read_as_the_kernel_writes_it(tmp_path: Path, limit: str, quota: float | None) -> None:
    (tmp_path / "cpu.max").write_text(limit, encoding="utf-8")
    assert cores.cpu_quota(tmp_path) == quota


@pytest.mark.parametrize(("limit", "usable"), [("150000 100000", 2), ("10000 100000", 1), ("9900000 100000", 64)])
def test_a_container_has_as_many_cores_as_its_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, usable: int
) -> None:
    (tmp_path / "cpu.max").write_text(limit, encoding="utf-8")
    monkeypatch.setattr(cores, "CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert cores.usable_cores() == usable
    assert cores.default_threads() == max(1, min(usable // 2, 4))


def test_without_a_limit_the_bound_cores_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "CGROUP", tmp_path)
    assert cores.cpu_quota(tmp_path) is None
    assert cores.usable_cores() >= 1
