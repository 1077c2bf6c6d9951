"""Pairs from a teacher: paid once, complete, counted, and the same again."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.training.data.teacher_server import ADDED, Canned, TeacherServer, completion, preferences, saying
from training.data.teaching.batches import Imported, export_batch, import_batch
from training.data.teaching.config import TeacherConfig
from training.data.teaching.construct import Built, construct
from training.data.teaching.ledger import Ledger
from training.data.teaching.plan import plan
from training.data.teaching.replies import RESPONSE_FORMAT, read_reply
from training.data.teaching.request import request_of

ROOT = Path(__file__).parents[3]
CHILD = """
import sys
from pathlib import Path
from tests.training.data.teacher_server import preferences
from training.data.teaching.config import TeacherConfig
from training.data.teaching.construct import construct
from training.data.teaching.ledger import Ledger
url, folder, rows, concurrency = sys.argv[1:]
config = TeacherConfig(base_url=url, model="m", concurrency=int(concurrency), price_in=0, price_out=0)
construct(preferences(int(rows)), config, Ledger(Path(folder)), progress=False)
"""


def build(rows: Any, config: TeacherConfig, folder: Path, **options: Any) -> Built:
    """Construct as a new process would: with a ledger that is read from the disk."""
    ledger = Ledger(folder)
    try:
        return construct(rows, config, ledger, progress=False, **options)
    finally:
        ledger.close()


def reasons(built: Built) -> dict[str, str]:
    return {reject.id: reject.reason for reject in built.rejects}


def test_a_pair_holds_both_prompts_and_where_they_come_from(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    (row,) = preferences(1)
    (pair,) = build([row], teacher_config, tmp_path).pairs
    assert (pair.prompt, pair.optimized_prompt) == (row.instruction, f"{row.instruction} {ADDED}")
    assert (pair.id, pair.licence, pair.chosen, pair.teacher) == (row.id, "MIT", row.chosen, "m-served")
    assert pair.critique.startswith("It says more.")
    assert pair.template.startswith("without_context ")
    assert pair.request_key == request_of(row, teacher_config).key
    assert teacher_server.bodies[0] == request_of(row, teacher_config).body


def test_a_second_run_asks_nothing_and_gives_the_same(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    teacher_server.numbered = True  # another answer to the same request would show
    rows = preferences(12)
    first = build(rows, teacher_config, tmp_path)
    second = build(rows, teacher_config, tmp_path)
    assert (len(first.pairs), first.asked, second.asked, teacher_server.requests) == (12, 12, 0, 12)
    assert second.pairs == first.pairs
    assert (second.usage, second.cost) == (first.usage, first.cost)


def test_a_killed_run_pays_at_most_for_what_was_on_its_way(teacher_server: TeacherServer, tmp_path: Path) -> None:
    rows, concurrency, folder = 60, 4, tmp_path / "ledger"
    teacher_server.delay_s = 0.05
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, teacher_server.url, str(folder), str(rows), str(concurrency)], cwd=ROOT
    )
    while teacher_server.requests < rows // 2 and child.poll() is None:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    kept = len(Ledger(folder))
    config = TeacherConfig(base_url=teacher_server.url, model="m", concurrency=concurrency, price_in=0, price_out=0)
    built = build(preferences(rows), config, folder)
    assert 0 < kept < rows
    assert built.asked == rows - kept
    assert (len(built.pairs), built.open) == (rows, 0)
    assert teacher_server.requests <= rows + concurrency


def test_shards_together_are_the_whole(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    rows = preferences(20)
    whole = build(rows, teacher_config, tmp_path / "whole")
    shards = [build(rows[:: 1 - 2 * i], teacher_config, tmp_path / "parts", shard=(i, 2)) for i in range(2)]
    assert min(len(shard.pairs) for shard in shards) > 0
    assert sorted((pair for shard in shards for pair in shard.pairs), key=lambda pair: pair.id) == sorted(
        whole.pairs, key=lambda pair: pair.id
    )
    assert sum(shard.asked for shard in shards) == 20
    # The same in every process, which Python's own hash would not be.
    assert [pair.source_id for pair in shards[0].pairs] == ["2", "4", "5", "6", "9", "12", "14", "16", "17", "18", "19"]
    assert build(rows, teacher_config, tmp_path / "parts").asked == 0


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 0)])
def test_a_shard_that_is_none_is_refused(shard: tuple[int, int], teacher_config: TeacherConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 <= i < n"):
        build(preferences(1), teacher_config, tmp_path, shard=shard)


def test_every_failure_is_a_reject_with_a_reason(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    soon = {"Retry-After": "0.01"}
    error = {"error": {"message": "no", "type": "t", "param": None, "code": "bad"}}
    filtered = {"error": {"message": "blocked", "type": "t", "param": None, "code": "content_filter"}}
    answers = [
        Canned(400, error), Canned(429, error, headers=soon), Canned(429, error, headers=soon, times=1),
        Canned(500, error, headers=soon), Canned(200, None, delay_s=1.0), Canned(400, filtered),
        Canned(200, saying(None, refusal="I will not.")), Canned(200, saying("{", finish_reason="length")),
        Canned(200, "<html>busy</html>"), Canned(200, {"choices": []}), Canned(200, saying("Sure!")),
        Canned(200, saying("")),
    ]  # fmt: skip
    expected = [
        "http_400", "http_429", "", "http_500", "timeout", "refused", "refused", "cut", "malformed", "malformed",
        "unreadable", "empty",
    ]  # fmt: skip
    rows = preferences(len(answers) + 2)
    teacher_server.canned = {row.instruction: canned for row, canned in zip(rows, answers, strict=False)}
    config = replace(teacher_config, retries=1, timeout_s=0.4)
    built = build(rows, config, tmp_path)
    assert reasons(built) == {row.id: f"teacher:{name}" for row, name in zip(rows, expected, strict=False) if name}
    assert all(reject.stage == "construct" and reject.detail for reject in built.rejects)
    assert [pair.id for pair in built.pairs] == [rows[2].id, rows[-2].id, rows[-1].id]
    attempts = [teacher_server.asked[row.instruction] for row in rows]
    assert attempts == [1, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    assert (built.open, built.stopped) == (6, "")
    again = build(rows, config, tmp_path)
    assert reasons(again) == reasons(built)
    later = [teacher_server.asked[row.instruction] - before for row, before in zip(rows, attempts, strict=True)]
    assert [count > 0 for count in later] == [name[:4] in ("http", "time", "malf") for name in [*expected, "", ""]]


def test_retry_after_is_waited_for(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    (row,) = preferences(1)
    teacher_server.every = Canned(429, {"error": {"message": "slow"}}, times=1, headers={"Retry-After": "1"})
    start = time.monotonic()
    assert len(build([row], teacher_config, tmp_path).pairs) == 1
    assert time.monotonic() - start >= 1
    assert teacher_server.requests == 2


def test_a_refused_key_stops_at_once(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHER_TEST_KEY", "sk-secret")
    teacher_server.every = Canned(401, {"error": {"message": "wrong key sk-secret"}})
    built = build(preferences(30), replace(teacher_config, api_key_env="TEACHER_TEST_KEY"), tmp_path)
    assert teacher_server.requests <= teacher_config.concurrency
    assert "the key is refused: 401: wrong key ***" in built.stopped
    assert set(reasons(built).values()) == {"teacher:http_401", "teacher:not_asked"}
    assert (built.open, built.pairs) == (30, ())
    assert teacher_server.keys[0] == "Bearer sk-secret"
    assert "sk-secret" not in repr(built)


def test_a_server_that_fails_for_all_is_left_alone(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    teacher_server.every = Canned(400, {"error": {"message": "no such parameter"}})
    built = build(preferences(60), teacher_config, tmp_path)
    assert 20 <= teacher_server.requests < 20 + teacher_config.concurrency
    assert "20 rows failed one after another" in built.stopped


def test_a_missing_key_is_refused_only_if_it_is_needed(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    keyed = replace(teacher_config, api_key_env="TEACHER_TEST_NO_SUCH_KEY")
    with pytest.raises(ValueError, match="TEACHER_TEST_NO_SUCH_KEY"):
        build(preferences(2), keyed, tmp_path)
    assert teacher_server.requests == 0
    build(preferences(2), teacher_config, tmp_path)
    assert len(build(preferences(2), keyed, tmp_path).pairs) == 2


def test_the_report_counts_the_tokens_of_the_ledger(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    rows = preferences(6)
    teacher_server.canned[rows[0].instruction] = Canned(200, saying("no JSON, but paid for", prompt_tokens=7))
    config = replace(teacher_config, price_in=2.0, price_out=8.0)
    built = build(rows, config, tmp_path)
    lines = [json.loads(line) for file in tmp_path.glob("*.jsonl") for line in file.read_text().splitlines()]
    used = [line["response"]["body"]["usage"] for line in lines]
    read, written = (sum(one[f"{kind}_tokens"] for one in used) for kind in ("prompt", "completion"))
    assert len(lines) == 6
    assert (built.usage.answers, built.usage.prompt_tokens, built.usage.completion_tokens) == (6, read, written)
    assert built.cost == pytest.approx((read * 2.0 + written * 8.0) / 1e6)


def test_the_limit_on_cost_stops_before_the_next_request(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    rows = preferences(10)
    # 40 tokens are written: a dollar each.
    config = replace(teacher_config, concurrency=1, max_usd=3.0, price_out=25_000.0)
    built = build(rows, config, tmp_path)
    assert (teacher_server.requests, built.asked, built.open) == (3, 3, 7)
    assert built.cost == pytest.approx(3.0)
    assert set(reasons(built).values()) == {"teacher:not_asked"}
    assert built.stopped == "$3.0000 of $3.0000 are spent"
    again = build(rows, config, tmp_path)
    assert (teacher_server.requests, again.asked, again.pairs) == (3, 0, built.pairs)
    more = build(rows, replace(config, max_usd=5.0, concurrency=4), tmp_path)
    assert 2 <= more.asked <= 5  # four at once may miss the limit by three


def test_a_limit_needs_prices_and_token_counts(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="the price of 'm' is unknown"):
        TeacherConfig(base_url=teacher_server.url, model="m", price_in=1.0, max_usd=1.0)
    unpriced = build(preferences(2), replace(teacher_config, price_in=None, price_out=None), tmp_path / "a")
    assert unpriced.cost is None
    assert unpriced.usage.completion_tokens == 80
    teacher_server.every = Canned(200, {**saying("{}"), "usage": None})
    limited = replace(teacher_config, concurrency=1, price_in=1.0, price_out=1.0, max_usd=1.0)
    built = build(preferences(5), limited, tmp_path / "b")
    assert built.asked == 1
    assert "without token counts" in built.stopped


def test_a_batch_gives_the_pairs_of_single_requests(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    rows = [*preferences(4), *(replace(row, id=f"c/{row.id}") for row in preferences(3, "My notes"))]
    config = replace(teacher_config, price_in=1.0, price_out=1.0)
    online = build(rows, config, tmp_path / "online")
    ledger = Ledger(tmp_path / "batch")
    (file,) = export_batch(rows, config, ledger, tmp_path / "batch.jsonl")
    requests = [json.loads(line) for line in file.read_text().splitlines()]
    assert {request["method"] + request["url"] for request in requests} == {"POST/v1/chat/completions"}
    output = tmp_path / "output.jsonl"
    output.write_text("".join(json.dumps(batch_line(request)) + "\n" for request in reversed(requests[:-1])))
    assert import_batch(output, ledger) == Imported(6, 0, {})
    assert import_batch(output, ledger) == Imported(0, 6, {})
    (rest,) = export_batch(rows, config, ledger, tmp_path / "rest.jsonl")
    assert [json.loads(line) for line in rest.read_text().splitlines()] == requests[-1:]
    output.write_text(json.dumps(batch_line(requests[-1])) + "\n")
    import_batch(output, ledger)
    asked = teacher_server.requests
    built = build(rows, config, tmp_path / "batch")
    assert teacher_server.requests == asked
    assert (built.pairs, built.rejects) == (online.pairs, online.rejects)
    assert len(built.pairs) == 7
    assert built.cost == pytest.approx((online.cost or 0) / 2)
    assert export_batch(rows, config, ledger, tmp_path / "none.jsonl") == []
    ledger.close()


def batch_line(request: dict[str, Any]) -> dict[str, Any]:
    """A line of output in OpenAI's format."""
    response = {"status_code": 200, "request_id": "r", "body": completion(request["body"])}
    return {"id": "batch_req_1", "custom_id": request["custom_id"], "response": response, "error": None}


def test_errors_of_a_batch_are_counted_and_asked_again(teacher_config: TeacherConfig, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    rows = preferences(5)
    (file,) = export_batch(rows, teacher_config, ledger, tmp_path / "batch.jsonl")
    keys = [json.loads(line)["custom_id"] for line in file.read_text().splitlines()]
    filtered = {"error": {"code": "content_filter", "message": "no"}}
    lines = [
        {"custom_id": keys[0], "response": None, "error": {"code": "batch_expired", "message": "late"}},
        {"custom_id": keys[1], "response": {"status_code": 429, "body": {"error": {}}}, "error": None},
        {"custom_id": keys[2], "response": {"status_code": 200, "body": {"choices": []}}, "error": None},
        {"custom_id": keys[3], "response": {"status_code": 400, "body": filtered}, "error": None},
    ]
    output = tmp_path / "errors.jsonl"
    output.write_text("\n".join([*map(json.dumps, lines), '{"torn', "[1]"]))
    assert import_batch(output, ledger) == Imported(1, 0, {"batch_expired": 1, "http_429": 1, "malformed": 3})
    (file,) = export_batch(rows, teacher_config, ledger, tmp_path / "batch.jsonl")
    assert len(file.read_text().splitlines()) == 4
    ledger.close()


def test_a_large_batch_is_cut_into_files(
    teacher_config: TeacherConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.data.teaching.batches.MOST_LINES", 3)
    files = export_batch(preferences(7), teacher_config, Ledger(tmp_path / "ledger"), tmp_path / "batch.jsonl")
    assert [file.name for file in files] == ["batch.jsonl", "batch-2.jsonl", "batch-3.jsonl"]
    assert [len(file.read_text().splitlines()) for file in files] == [3, 3, 1]


def test_a_plan_measures_what_it_can(
    teacher_server: TeacherServer, teacher_config: TeacherConfig, tmp_path: Path
) -> None:
    config = replace(teacher_config, price_in=1.0, price_out=2.0)
    rows, ledger = preferences(8), Ledger(tmp_path)
    before = plan(rows, config, ledger)
    assert (before.rows, before.answered, before.measured, before.completion_tokens) == (8, 0, 0, 8 * 220)
    assert before.usd == pytest.approx((before.prompt_tokens + 2 * before.completion_tokens) / 1e6)
    assert before.usd_batch == pytest.approx((before.usd or 0) / 2)
    construct(rows[:4], config, ledger, progress=False)
    after = plan(rows, config, ledger)
    assert (after.answered, after.measured, after.completion_tokens) == (4, 4, 4 * 40)
    spent = construct(rows, config, ledger, progress=False)
    assert after.prompt_tokens * 2 == pytest.approx(spent.usage.prompt_tokens, rel=0.02)
    assert plan(rows, replace(config, price_in=None), ledger).usd is None
    assert plan(rows, config, ledger).usd == 0
    ledger.close()


def test_ids_that_are_not_unique_are_refused(teacher_config: TeacherConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'own/0' comes twice"):
        build(preferences(1) * 2, teacher_config, tmp_path)


async def test_inside_of_an_event_loop_it_says_what_to_do(teacher_config: TeacherConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"asyncio\.to_thread"):
        build(preferences(1), teacher_config, tmp_path)
    built = await asyncio.to_thread(build, preferences(1), teacher_config, tmp_path)
    assert len(built.pairs) == 1


@pytest.mark.slow
def test_a_real_local_model_answers_in_the_form_that_is_asked_for(local_model_url: str, tmp_path: Path) -> None:
    """Only the form: a model of this size, with texts kept short, has nothing to teach."""
    form = json.loads(json.dumps(RESPONSE_FORMAT))
    for text in form["json_schema"]["schema"]["properties"].values():
        text["maxLength"] = 12
    config = TeacherConfig(
        base_url=local_model_url, model="local", concurrency=2, price_in=0, price_out=0,
        params={"response_format": form, "max_tokens": 200},
    )  # fmt: skip
    built = build(preferences(3), config, tmp_path)
    bodies = [
        json.loads(line)["response"]["body"]
        for file in tmp_path.glob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert [read_reply(body).status for body in bodies] == ["ok"] * 3
    assert len(built.pairs) + len(built.rejects) == 3
    assert not any(reason.startswith("teacher:") for reason in reasons(built).values())
    assert (built.asked, build(preferences(3), config, tmp_path).asked) == (3, 0)
    assert built.usage.prompt_tokens > 300


def test_nothing_gives_nothing(teacher_config: TeacherConfig, tmp_path: Path) -> None:
    built = build([], teacher_config, tmp_path)
    assert (built.pairs, built.rejects, built.cost, built.usage.answers) == ((), (), 0, 0)


@pytest.mark.parametrize(("price", "cost"), [(25_000.0, "$3.00"), (None, "tokens")])
def test_progress_shows_rate_and_cost(
    price: float | None,
    cost: str,
    teacher_config: TeacherConfig,
    ledger: Ledger,
    capsys: pytest.CaptureFixture[str],
) -> None:
    construct(preferences(3), replace(teacher_config, price_out=price), ledger, progress=True)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "row/s" in shown or "s/row" in shown
    assert cost in shown
    assert "Map" not in shown
