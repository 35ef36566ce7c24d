"""What the server tells of itself: metrics over all workers, lines of JSON, and whether it is ready."""

import asyncio
import fcntl
import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from recommit import Refusal
from recommit.batch.scorer import Scorer
from recommit.serving.beside import beside
from recommit.serving.board import Board, gathered
from recommit.serving.limits import Limits
from recommit.serving.lines import MOST, Lines
from recommit.serving.metrics import BY_NAME, ERRORS, METRICS
from recommit.serving.operation import Operation, Told, Watched
from recommit.serving.predictor import Predictor
from tests.recommit.serving.world import Answer, Client, Kept, call, problem_of, rows, tensors

Sample = tuple[str, tuple[tuple[str, str], ...]]


def told(client: Client) -> dict[Sample, float]:
    """What Prometheus' own parser reads at /metrics."""
    answer = client.ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(answer.body.decode())
        for one in family.samples
    }


def made(scorers: dict[str, Scorer], task: str = "binary", **watched: Any) -> Client:
    return Client(problem_of(task), scorers[task], watched=Watched(**watched))


def test_every_metric_of_the_list_is_told_and_no_other(scorers: dict[str, Scorer], tmp_path: Path) -> None:
    client = made(scorers, log=tmp_path)
    for role in ("shadow", "canary"):
        beside(client.app, scorers["binary"], role, None, Limits(), 0.5)
    client.predictor.known_until = lambda: 1.4e9  # type: ignore[method-assign]
    for row in rows(20):
        client.predict(row)
    names = {re.sub("_(bucket|count|sum)$", "", name) for name, _ in told(client) if not name.endswith("_created")}
    assert names == {*BY_NAME}
    client.operation.end()


def test_requests_are_counted_by_route_and_status(scorers: dict[str, Scorer]) -> None:
    client = made(scorers)
    client.predict(rows(1)[0])
    client.infer(tensors(rows(2)))
    client.ask("POST", "/predict", {})
    client.ask("GET", "/secret/../path")
    client.ask("POST", "/v2/models/parcels/versions/v9/infer", tensors(rows(1)))
    found = {labels: value for (name, labels), value in told(client).items() if name == "recommit_requests_total"}
    infer = "/v2/models/{model}/infer"
    assert found == {
        (("route", "/predict"), ("status", "200")): 1,
        (("route", "/predict"), ("status", "422")): 1,
        (("route", infer), ("status", "200")): 1,
        (("route", infer.replace("}/", "}/versions/{version}/")), ("status", "404")): 1,
        (("route", "other"), ("status", "404")): 1,
    }
    found = told(client)
    assert found["recommit_request_seconds_count", (("route", "/predict"),)] == 2
    assert found["recommit_request_seconds_bucket", (("le", "+Inf"), ("route", "/predict"))] == 2
    assert found["recommit_errors_total", (("kind", "caller"),)] == 3
    assert found["recommit_requests_in_flight", ()] == 1, "the one that asks"


def test_what_is_shed_and_what_fails_is_counted_by_kind(
    scorers: dict[str, Scorer], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = made(scorers)
    body = json.dumps(rows(1)[0]).encode()

    async def crowd() -> list[Answer]:
        return await asyncio.gather(*(call(client.app, "POST", "/predict", body) for _ in range(66)))

    asyncio.run(crowd())
    client.operation.lines = Kept()
    monkeypatch.setattr(client.predictor, "read", lambda _: 1 / 0)
    client.ask("POST", "/predict", rows(1)[0])
    found = told(client)
    assert {kind: found["recommit_errors_total", (("kind", kind),)] for kind in ERRORS} == {
        "caller": 0, "fault": 1, "shed": 2, "log": 0, "store": 0, "connection": 0
    }  # fmt: skip
    assert found["recommit_requests_in_flight", ()] == 1


def test_a_caller_that_goes_leaves_nothing_in_flight(scorers: dict[str, Scorer]) -> None:
    client = made(scorers)

    async def leave() -> None:
        asked = asyncio.create_task(call(client.app, "POST", "/predict", [b"{", b"}"], wait=60))
        await asyncio.sleep(0)
        assert (
            client.operation.meters.board.numbers[client.operation.meters.board.place("recommit_requests_in_flight")]
            == 1
        )
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)

    asyncio.run(leave())
    assert told(client)["recommit_requests_in_flight", ()] == 1


@pytest.mark.parametrize("many", [1, 40])
def test_answers_are_counted_as_they_are_spread(scorers: dict[str, Scorer], task: str, many: int) -> None:
    client = made(scorers, task)
    answers = []
    for part in [rows(many)] if many > 1 else [[row] for row in rows(40)]:
        answers += client.predict(part)
    found, answering = told(client), client.predictor.scorer.task
    values = [max(one[part] for part in answering.parts) for one in answers]
    assert found["recommit_rows_total", ()] == found["recommit_prediction_count", ()] == len(values)
    assert found["recommit_prediction_sum", ()] == pytest.approx(sum(values))
    for (name, labels), value in found.items():
        if name == "recommit_prediction_bucket":
            assert value == sum(one <= float(dict(labels)["le"]) for one in values)
    outcomes = {dict(labels)["outcome"]: value for (name, labels), value in found.items() if "outcomes" in name}
    if task != "number":
        seen = [one["decision" if task == "binary" else "prediction"] for one in answers]
        assert {name: value for name, value in outcomes.items() if value} == {name: seen.count(name) for name in seen}


def test_missing_features_are_counted_by_feature(scorers: dict[str, Scorer]) -> None:
    client = made(scorers)
    row = rows(1)[0] | {"weight": None, "recent": 1.0}
    client.predict(row)
    client.infer(tensors([row, row | {"weight": 1.0}]))
    found = told(client)
    missing = {name: found["recommit_feature_missing_total", (("feature", name),)] for name in ("weight", "recent")}
    assert missing == {"weight": 2, "recent": 0}


def test_the_model_and_what_it_has_learned_from_are_told(client: Client) -> None:
    scorer, found = client.predictor.scorer, told(client)
    labels = (("name", scorer.name), ("role", "served"), ("sha256", scorer.sha256), ("version", scorer.version))
    assert found["recommit_model_info", labels] == 1
    assert 1.3e9 < found["recommit_model_trained_until_seconds", ()] < 1.5e9


def test_prometheus_may_ask_for_openmetrics(client: Client) -> None:
    answer = client.ask("GET", "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


SERIES = {
    "recommit_rows_total": [()],
    "recommit_requests_in_flight": [()],
    "recommit_ready": [()],
    "recommit_workers": [()],
    "recommit_log_unsynced_seconds": [()],
    "recommit_prediction": [()],
}
BOUNDS = {"recommit_prediction": (0.25, 0.75)}


def begun(folder: Path, ready: float = 1.0) -> Board:
    """The board of a new worker."""
    board = Board(SERIES, BOUNDS, folder)
    for name, value in {"recommit_requests_in_flight": 0, "recommit_ready": ready, "recommit_workers": 1}.items():
        board.numbers[board.place(name)] = value
    return board


def added(board: Board, name: str, by: float = 1.0) -> None:
    (place,) = (place for (of, _), place in board.places.items() if of == name)
    board.numbers[place] += by


def die(board: Board) -> None:
    """What the system does when the process ends, however that is."""
    fcntl.flock(board._fd, fcntl.LOCK_UN)


def summed(board: Board) -> dict[str, float]:
    from recommit.serving.exposition import exposition

    families = text_string_to_metric_families(exposition(gathered([board], board.folder), "")[0].decode())
    return {f"{one.name}{''.join(one.labels.values())}": one.value for family in families for one in family.samples}


def test_workers_are_summed_and_a_dead_one_is_counted_but_measured_no_more(tmp_path: Path) -> None:
    one, two = begun(tmp_path), begun(tmp_path, ready=0.0)
    added(one, "recommit_rows_total", 3)
    added(two, "recommit_rows_total", 4)
    added(two, "recommit_requests_in_flight", 5)
    two.observe(two.place("recommit_prediction"), BOUNDS["recommit_prediction"], 0.75)
    two.observe_all(two.place("recommit_prediction"), BOUNDS["recommit_prediction"], np.array([0.1, 0.5, 0.9]))
    found = summed(one)
    assert found == summed(two)
    assert found["recommit_rows_total"] == 7
    assert (found["recommit_requests_in_flight"], found["recommit_workers"], found["recommit_ready"]) == (5, 2, 0)
    assert [found[f"recommit_prediction_bucket{end}"] for end in ("0.25", "0.75", "+Inf")] == [1, 3, 4]
    assert "recommit_log_unsynced_seconds" not in found, "what is not set is not told"
    die(two)
    found = summed(one)
    assert found["recommit_rows_total"] == 7
    assert (found["recommit_requests_in_flight"], found["recommit_workers"], found["recommit_ready"]) == (0, 1, 1)


def test_a_worker_goes_on_from_the_counters_of_the_one_it_replaces(tmp_path: Path) -> None:
    one, two = begun(tmp_path), begun(tmp_path)
    for board in (one, two):
        added(board, "recommit_rows_total", 3)
        added(board, "recommit_requests_in_flight", 1)
    for _ in range(5):
        die(two)
        two = begun(tmp_path)
        added(two, "recommit_rows_total")
    found = summed(one)
    assert (found["recommit_rows_total"], found["recommit_requests_in_flight"]) == (11, 1)
    assert len([*tmp_path.iterdir()]) == 3, "restarts leave no files but one that describes the two"


def test_workers_with_other_series_are_told_together(tmp_path: Path) -> None:
    one = begun(tmp_path)
    added(one, "recommit_rows_total", 3)
    other = Board(SERIES | {"recommit_errors_total": [("log",)]}, BOUNDS, tmp_path)
    added(other, "recommit_rows_total", 4)
    added(other, "recommit_errors_total")
    for board in (one, other):
        assert (summed(board)["recommit_rows_total"], summed(board)["recommit_errors_totallog"]) == (7, 1)


def test_golden_rows_that_are_answered_otherwise_are_a_reason_not_to_begin(
    scorers: dict[str, Scorer], task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor(problem_of(task), scorers[task])
    operation = Operation(predictor)
    right = type(predictor.matrix).scored
    monkeypatch.setattr(
        type(predictor.matrix), "scored", lambda self, *given: np.nextafter(right(self, *given), np.inf)
    )
    with pytest.raises(Refusal, match="the golden rows are answered otherwise"):
        operation.begin()
    assert not operation.ready
    monkeypatch.undo()
    operation.begin()
    assert operation.ready


def test_it_is_alive_but_not_ready_before_its_begin_and_from_sigterm_on(scorers: dict[str, Scorer]) -> None:
    client = made(scorers)
    client.operation.lines = Kept()
    paths = ("/v2/health/ready", "/v2/models/parcels/ready")
    assert [client.ask("GET", path).json["ready"] for path in paths] == [True, True]
    client.operation.drain()
    for path in paths:
        answer = client.ask("GET", path)
        assert (answer.status, answer.json["ready"]) == (503, False)
    assert client.ask("GET", "/v2/health/live").status == 200
    assert client.ask("POST", "/predict", rows(1)[0]).status == 200, "what still comes is answered"
    assert told(client)["recommit_ready", ()] == 0


@pytest.mark.parametrize(("which", "due"), [("errors", []), ("all", [200, 422, 404])])
def test_which_requests_are_logged(scorers: dict[str, Scorer], which: Told, due: list[int]) -> None:
    client = made(scorers, told=which)
    client.operation.lines = lines = Kept()
    for sent in (rows(1)[0], {"secret": "s3cret"}):
        client.ask("POST", "/predict", sent, {"X-Request-ID": "order-7", "Authorization": "Bearer s3cret"})
    client.ask("GET", "/s3cret/etc/passwd?token=s3cret")
    assert [one["status"] for one in lines.said] == due
    for one in lines.said:
        assert one.keys() == {"event", "request", "route", "status", "ms"}
    assert "s3cret" not in str(lines.said)
    assert [one["route"] for one in lines.said[1:]] == ["/predict", "other"][: len(due)]


def piped(write: Callable[[Lines], None]) -> list[dict[str, Any]]:
    """The lines that come out of a pipe."""
    end, begin = os.pipe()
    lines = Lines(begin)
    with os.fdopen(end, "rb") as file:
        found: list[bytes] = []
        reader = threading.Thread(target=lambda: found.extend(file))
        write(lines)
        reader.start()
        lines.end(60)
        os.close(begin)
        reader.join(60)
    return [json.loads(line) for line in found]


def test_a_line_is_json_with_its_time() -> None:
    (said,) = piped(lambda lines: lines.write("request", request='a"\n', status=500))
    assert (said["event"], said["request"], said["status"]) == ("request", 'a"\n', 500)
    assert said["time"].endswith("Z")


def test_the_docs_show_a_line_as_it_is_and_the_bounds_that_hold(client: Client) -> None:
    docs = (Path(__file__).parents[3] / "docs/serve.md").read_text()
    (shown,) = (json.loads(line) for line in docs.splitlines() if '"event":"request"' in line)

    def ask(lines: Lines) -> None:
        operation = Operation(client.predictor, ["/predict"], Watched(told="all"), lines)
        operation.ended(operation.meters.begun(), "/predict", 200)

    (said,) = piped(ask)
    assert [*said] == [*shown]
    assert f"{Limits().waiting} requests and {Limits().connections} connections at most" in docs
    assert f"{MOST:,} that wait" in docs


def test_lines_that_nobody_reads_keep_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here 10 lines may wait, and a pipe holds 64 KiB."""
    monkeypatch.setattr("recommit.serving.lines.MOST", 10)

    def crowd(lines: Lines) -> None:
        for number in range(100):
            lines.write("request", request="x" * 10_000, number=number)

    found = piped(crowd)
    assert 10 <= len(found) < 100
    assert [one["number"] for one in found] == sorted(one["number"] for one in found)


def test_a_reader_that_has_gone_is_no_reason_to_fail() -> None:
    end, begin = os.pipe()
    os.close(end)
    lines = Lines(begin)
    lines.write("request")
    lines.end(60)
    os.close(begin)


def test_each_metric_says_what_it_is() -> None:
    for one in METRICS:
        assert one.name.startswith("recommit_")
        assert one.help.endswith(".")
        assert (one.kind == "counter") == one.name.endswith("_total")
        assert one.title
        assert one.name in one.expr
