"""A shadow is asked and never heard; a canary answers its share until it is seen to be worse."""

import asyncio
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click import BadParameter

from recommit.artifact.answers import ClassesAnswers
from recommit.batch.scorer import Scorer, load_scorer
from recommit.serving.beside import beside
from recommit.serving.judge import REASONS
from recommit.serving.limits import Limits
from recommit.serving.operation import Watched
from recommit.serving.own import Own
from recommit.serving.shadow import MOST
from recommit.verbs.serve import command
from tests.recommit.batch import world
from tests.recommit.serving.test_log import read
from tests.recommit.serving.test_operation import told
from tests.recommit.serving.world import Answer, Client, Kept, asked, call, known, problem_of, rows, tensors
from tests.system.conftest import ROOT


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """Another model of the same problem."""
    return load_scorer(world.write_model(tmp_path_factory.mktemp("other"), "logistic"), "v2.0.0")


def with_second(scorers: dict[str, Scorer], role: Any, second: Scorer, share: float = 0.5, **watched: Any) -> Client:
    client = Client(problem_of("binary"), scorers["binary"], watched=Watched(**watched))
    client.operation.lines = Kept()
    beside(client.app, second, role, client.example, Limits(), share, watched.get("board"))
    return client


def ask_all(client: Client, many: int, path: str = "/predict", shadows: int = 0) -> list[Answer]:
    """Ask for rows, each by an id of its own, then let the shadow be asked."""
    rows_sent = [json.dumps(row).encode() for row in rows(many)]

    async def ask() -> list[Answer]:
        found = [
            await call(client.app, "POST", path, body, {"X-Request-ID": f"order-{place}"})
            for place, body in enumerate(rows_sent)
        ]
        for _ in range(shadows):
            assert client.app.shadow
            await client.app.shadow.next()
        return found

    return asyncio.run(ask())


def shadowed(client: Client) -> dict[str, float]:
    return {dict(labels)["outcome"]: many for (name, labels), many in told(client).items() if "shadow" in name}


def test_a_shadow_answers_the_log_and_nobody_else(scorers: dict[str, Scorer], other: Scorer, tmp_path: Path) -> None:
    client = with_second(scorers, "shadow", other, log=tmp_path)
    found = [one.json for one in ask_all(client, 5, shadows=5)]
    due = Client(problem_of("binary"), other).predict(rows(5))
    logged = read(tmp_path)
    assert {one["version"] for one in found} == {"v1.2.0"}
    for role, answers in (("served", found), ("shadow", due)):
        mine = logged[logged["role"] == role]
        assert mine["probability"].tolist() == [one["probability"] for one in answers]
        assert mine["version"].unique().tolist() == [answers[0]["version"]]
        assert mine["request_id"].tolist() == [one["request_id"] for one in found]
    assert told(client)["recommit_rows_total", ()] == 5, "what nobody got is not counted as answered"
    assert shadowed(client) == {"scored": 5, "failed": 0, "dropped": 0}
    client.operation.end()


def test_a_shadow_is_asked_what_was_answered_by_either_protocol(scorers: dict[str, Scorer], other: Scorer) -> None:
    client = with_second(scorers, "shadow", other)
    client.infer(tensors(rows(2)))
    client.ask("POST", "/v2/models/parcels/versions/v1.2.0/infer", tensors(rows(1)))
    client.ask("POST", "/predict", {"weight": "much"})
    client.ask("GET", "/v2/models/parcels")
    client.ask("POST", "/v2/repository/index")
    assert client.app.shadow

    async def both() -> None:
        for _ in range(2):
            await client.app.shadow.next()  # type: ignore[union-attr]

    asyncio.run(both())
    assert shadowed(client) == {"scored": 2, "failed": 0, "dropped": 0}


def test_features_of_a_shadow_are_computed_from_history_too(
    scorers: dict[str, Scorer], other: Scorer, tmp_path: Path
) -> None:
    problem = problem_of("binary")
    client = Client(
        problem, scorers["binary"], known=known(problem, tmp_path / "events.db"), watched=Watched(tmp_path / "log")
    )
    beside(client.app, other, "shadow", client.example, Limits())

    async def ask() -> None:
        await call(client.app, "POST", "/predict", json.dumps(asked(1)).encode())
        await client.app.shadow.next()  # type: ignore[union-attr]

    asyncio.run(ask())
    logged = read(tmp_path / "log")
    assert {*logged["role"]} == {"served", "shadow"}
    assert logged["feature.recent"].nunique() == 1
    client.operation.end()


def test_what_is_too_much_for_a_shadow_is_dropped_and_counted(scorers: dict[str, Scorer], other: Scorer) -> None:
    client = with_second(scorers, "shadow", other)
    found = ask_all(client, MOST + 3, shadows=MOST)
    assert {one.status for one in found} == {200}
    assert shadowed(client) == {"scored": MOST, "failed": 0, "dropped": 3}


def test_a_shadow_waits_while_a_request_is_answered(scorers: dict[str, Scorer], other: Scorer) -> None:
    client = with_second(scorers, "shadow", other)

    async def ask() -> None:
        body = json.dumps(rows(1)[0]).encode()
        await call(client.app, "POST", "/predict", body)
        client.app._held = 1
        waits = asyncio.create_task(client.app.shadow.next())  # type: ignore[union-attr]
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert not waits.done()
        client.app._held = 0
        await waits

    asyncio.run(ask())
    assert shadowed(client)["scored"] == 1


def test_a_shadow_that_fails_changes_no_answer(
    scorers: dict[str, Scorer], other: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = with_second(scorers, "shadow", other)
    monkeypatch.setattr(Own, "run", lambda *_: 1 / 0)
    assert {one.status for one in ask_all(client, 3, shadows=3)} == {200}
    assert shadowed(client) == {"scored": 0, "failed": 3, "dropped": 0}


def test_a_canary_answers_its_share_and_the_same_requests_each_time(
    scorers: dict[str, Scorer], other: Scorer, tmp_path: Path
) -> None:
    client = with_second(scorers, "canary", other, 0.2, log=tmp_path)
    first, second = ([one.json["version"] for one in ask_all(client, 300)] for _ in range(2))
    assert first == second
    assert 40 < Counter(first)["v2.0.0"] < 80
    by_key = {
        client.ask("POST", "/predict", rows(1)[0], {"X-Canary-Key": "customer-7"}).json["version"] for _ in range(20)
    }
    assert len(by_key) == 1, "the id is another one each time"
    logged = read(tmp_path)
    assert {*zip(logged["role"], logged["version"], strict=True)} == {("served", "v1.2.0"), ("canary", "v2.0.0")}
    metrics = client.ask("GET", "/metrics").body.decode()
    assert 'role="canary"' in metrics
    client.operation.end()


def test_who_names_a_version_or_asks_about_the_model_gets_the_first(scorers: dict[str, Scorer], other: Scorer) -> None:
    client = with_second(scorers, "canary", other, 1.0)
    assert client.predict(rows(1)[0])["version"] == "v2.0.0"
    assert client.infer(tensors(rows(1))).json["model_version"] == "v2.0.0"
    path = "/v2/models/parcels/versions/v1.2.0/infer"
    assert client.ask("POST", path, tensors(rows(1))).json["model_version"] == "v1.2.0"
    assert client.ask("GET", "/openapi.json").json["info"]["version"] == "v1.2.0"
    assert client.ask("POST", "/v2/repository/index").json[0]["version"] == "v1.2.0"


def aborted(client: Client) -> dict[str, float]:
    return {dict(labels)["reason"]: on for (name, labels), on in told(client).items() if "canary_aborted" in name}


def fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Own, "run", lambda *_: 1 / 0)


def is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes on by half a second while the canary computes."""
    import time

    right, clock, late = Own.run, time.perf_counter, [0.0]

    def run(self: Own, feed: Any) -> np.ndarray:
        late[0] += 0.5
        return right(self, feed)

    monkeypatch.setattr(Own, "run", run)
    monkeypatch.setattr("time.perf_counter", lambda: clock() + late[0])


def answers_more(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Own.run
    monkeypatch.setattr(Own, "run", lambda self, feed: np.minimum(right(self, feed) + 0.6, 1.0))


@pytest.mark.parametrize(
    ("worse", "reason", "many"), [(fails, "errors", 60), (is_slow, "latency", 60), (answers_more, "predictions", 700)]
)
def test_a_canary_that_is_worse_is_aborted_and_the_first_answers_all(
    scorers: dict[str, Scorer], worse: Any, reason: str, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same model, but for what is planted."""
    client = with_second(scorers, "canary", scorers["binary"])
    canary, lines = client.operation.canary, client.operation.lines
    assert canary
    assert isinstance(lines, Kept)
    worse(monkeypatch)
    before = ask_all(client, many)
    assert aborted(client) == dict.fromkeys(REASONS, 0)
    lines.said.clear()
    canary.look()
    canary.look()
    (said,) = lines.said
    assert (said["event"], said["why"], said["version"]) == ("canary aborted", reason, "v1.2.0")
    assert aborted(client) == dict.fromkeys(REASONS, 0) | {reason: 1}
    after = ask_all(client, many)
    assert {one.status for one in after} == {200}
    first = Client(problem_of("binary"), scorers["binary"]).predict(rows(many))
    assert [one.json["probability"] for one in after] == [one["probability"] for one in first]
    assert 'role="canary"' not in client.ask("GET", "/metrics").body.decode()
    assert len(before) == many


def test_an_equal_model_is_not_aborted(scorers: dict[str, Scorer], task: str) -> None:
    client = Client(problem_of(task), scorers[task])
    client.operation.lines = lines = Kept()
    beside(client.app, scorers[task], "canary", client.example, Limits(), 0.5)
    canary = client.operation.canary
    assert canary
    for _ in range(3):
        ask_all(client, 300)
        canary.look()
    assert canary.answers
    assert lines.said == []
    found = {labels: many for (name, labels), many in told(client).items() if name == "recommit_canary_requests_total"}
    assert sum(found.values()) == 900


def test_workers_count_together_and_abort_together(
    scorers: dict[str, Scorer], other: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (with_second(scorers, "canary", other, board=tmp_path) for _ in range(2))
    with monkeypatch.context() as worse:
        fails(worse)
        ask_all(one, 20)
        ask_all(two, 20)
    for client in (one, two):
        assert client.operation.canary
        client.operation.canary.look()
        assert not client.operation.canary.answers
    later = with_second(scorers, "canary", other, board=tmp_path)
    assert later.operation.canary
    assert not later.operation.canary.answers, "one that begins later does not try again"
    fails(monkeypatch)
    assert {answer.status for client in (one, two, later) for answer in ask_all(client, 20)} == {200}


def test_three_models_do_not_read_their_files_at_each_request(
    scorers: dict[str, Scorer], other: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = with_second(scorers, "canary", other)
    beside(client.app, other, "shadow", client.example, Limits())
    ask_all(client, 4, shadows=4)
    monkeypatch.setattr("recommit.artifact.model.onnxruntime.InferenceSession", lambda *_, **__: 1 / 0)
    assert {one.status for one in ask_all(client, 20, shadows=20)} == {200}
    assert shadowed(client)["failed"] == 0


def test_the_commands_of_the_docs_are_understood() -> None:
    docs = (ROOT / "docs/serve.md").read_text()
    shown = [line.split()[2:] for line in docs.splitlines() if line.startswith("recommit serve ")]
    assert {"--shadow", "--canary"} <= {word for words in shown for word in words}
    for words in shown:
        command.make_context("serve", [*words])


@pytest.mark.parametrize("share", ["0", "0.6", "-1"])
def test_a_share_is_more_than_none_and_at_most_half(share: str) -> None:
    with pytest.raises(BadParameter):
        command.make_context("serve", ["--canary", "v1", "--share", share])


def test_a_canary_that_cannot_be_judged_answers_no_more(
    scorers: dict[str, Scorer], other: Scorer, tmp_path: Path
) -> None:
    board = tmp_path / "board"
    board.mkdir()
    client = with_second(scorers, "canary", other, board=board)
    shutil.rmtree(board)
    canary, lines = client.operation.canary, client.operation.lines
    assert canary
    assert isinstance(lines, Kept)
    canary.look()
    assert not canary.answers
    assert (lines.said[-1]["event"], lines.said[-1]["why"]) == ("canary ended", "it cannot be judged: KeyError")
    assert {one.json["version"] for one in ask_all(client, 20)} == {"v1.2.0"}


def test_a_canary_that_knows_other_classes_spoils_no_answer(scorers: dict[str, Scorer]) -> None:
    client = Client(problem_of("classes"), scorers["classes"])
    task = scorers["classes"].task
    assert isinstance(task, ClassesAnswers)
    other = replace(scorers["classes"], task=task.model_copy(update={"classes": ["another", *task.classes[1:]]}))
    beside(client.app, other, "canary", client.example, Limits(), 0.5)
    assert {one.status for one in ask_all(client, 20)} == {200}
