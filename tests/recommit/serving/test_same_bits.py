"""The server answers a row in the bits that `recommit predict` writes of it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recommit.batch.predict import Request, predict
from tests.recommit.batch import world
from tests.recommit.serving.world import Client, asked, binary, call, rows, tensors

MANY = 150


def batch(client: Client, table: pd.DataFrame, folder: Path, suffix: str = "parquet") -> pa.Table:
    """What `recommit predict` writes of a table."""
    source, output = folder / f"in.{suffix}", folder / "out.parquet"
    table.to_parquet(source) if suffix == "parquet" else table.to_csv(source, index=False)
    summary = predict(client.predictor.problem, client.predictor.scorer, Request(source, output, workers=1))
    assert summary.rejected == 0
    return pq.read_table(output)


def plain(found: Any) -> Any:
    """Instants as JSON has them."""
    return found.isoformat().replace("+00:00", "Z") if isinstance(found, pd.Timestamp) else found


def of_batch(written: pa.Table) -> list[dict[str, Any]]:
    return [{name: plain(value) for name, value in row.items()} for row in written.to_pandas().to_dict("records")]


def answered(found: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in names} for row in found]


@pytest.fixture
def written(served: Client, folder: Path) -> list[dict[str, Any]]:
    """What is written in the batch of features, of each task."""
    return of_batch(batch(served, world.features(MANY).drop(columns=["leaves", "predicted_at"]), folder))


def test_features_asked_together_have_the_bits_of_the_batch(served: Client, written: list[dict[str, Any]]) -> None:
    names = [name for name in written[0] if name != "parcel"]
    assert answered(served.predict(rows(MANY)), names) == answered(written, names)


def test_features_asked_one_by_one_have_the_bits_of_the_batch(served: Client, written: list[dict[str, Any]]) -> None:
    names = [name for name in written[0] if name != "parcel"]
    found = [served.predict(row) for row in rows(MANY)[:40]]
    assert answered(found, names) == answered(written[:40], names)


@pytest.mark.parametrize("many", [1, 15, 16, 17, MANY])
def test_tensors_of_json_have_the_bits_of_the_batch(served: Client, written: list[dict[str, Any]], many: int) -> None:
    found = served.infer(tensors(rows(MANY)[:many])).json["outputs"]
    assert {one["name"]: one["data"] for one in found} == {
        one["name"]: [row[one["name"]] for row in written[:many]] for one in found
    }


@pytest.mark.parametrize("many", [1, 17, MANY])
def test_tensors_of_bytes_have_the_bits_of_the_batch(served: Client, written: list[dict[str, Any]], many: int) -> None:
    body, size = binary(rows(MANY)[:many], {"parameters": {"binary_data_output": True}})
    answer = served.infer(body, Inference_Header_Content_Length=size)
    head = int(answer.headers["inference-header-content-length"])
    raw, at = answer.body[head:], 0
    for output in json.loads(answer.body[:head])["outputs"]:
        content = raw[at : at + output["parameters"]["binary_data_size"]]
        at += len(content)
        due = [row[output["name"]] for row in written[:many]]
        if output["datatype"] == "FP64":
            assert np.frombuffer(content, "<f8").tolist() == due
        else:
            assert content == b"".join(len(text).to_bytes(4, "little") + text.encode() for text in due)
    assert at == len(raw)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_rows_without_history_have_the_bits_of_the_batch(without_history: Client, folder: Path, suffix: str) -> None:
    written = of_batch(batch(without_history, world.plan(MANY), folder, suffix))
    assert answered(without_history.predict(asked(MANY)), list(written[0])) == written
    assert answered([without_history.predict(row) for row in asked(MANY)[:3]], list(written[0])) == written[:3]


def test_whole_numbers_beyond_2_to_the_53_are_rounded_once(client: Client, folder: Path) -> None:
    many = [2**53 + 1, 2**60 + 2**36 + 1, 9_007_200_328_482_817, 5]
    table = world.features(4).drop(columns=["leaves", "predicted_at"]).assign(recent=1.0, weight=many)
    written = of_batch(batch(client, table, folder))
    asked_for = [row | {"weight": value, "recent": 1} for row, value in zip(rows(4), many, strict=True)]
    names = ["probability", "set"]
    assert answered(client.predict(asked_for), names) == answered(written, names)
    assert answered([client.predict(row) for row in asked_for], names) == answered(written, names)
    said = tensors(asked_for)
    said["inputs"][0]["datatype"] = "INT64"
    assert client.infer(said).json["outputs"][0]["data"] == [row["probability"] for row in written]


def test_requests_side_by_side_do_not_mix(served: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are answered by one run of the model, the bad ones among them each by its own line."""
    asked_for = rows(60)
    alone = [served.predict(row) for row in asked_for]
    bodies = [json.dumps(row).encode() for row in asked_for]
    runs: list[int] = []
    run = served.predictor.matrix.written

    def counted(numbers: np.ndarray, texts: Any, many: int) -> Any:
        runs.append(many)
        return run(numbers, texts, many)

    async def together(bodies: list[bytes]) -> list[Any]:
        return [one.json for one in await asyncio.gather(*(call(served.app, "POST", "/predict", b) for b in bodies))]

    monkeypatch.setattr(type(served.predictor.matrix), "written", lambda _, *asked: counted(*asked))
    for beside, often in (([], [60]), ([json.dumps(asked_for[0] | {"road": "east"}).encode()] * 2, [62, *[1] * 62])):
        runs.clear()
        found = asyncio.run(together([*beside, *bodies]))
        assert runs == often
        assert all("found 'east'" in one["error"] for one in found[: len(beside)])
        assert [one | {"request_id": ""} for one in found[len(beside) :]] == [one | {"request_id": ""} for one in alone]
