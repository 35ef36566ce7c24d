"""Small servers in this process, asked without a socket: the parcels of the tests of `batch`, of every task."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recommit.batch.scorer import Scorer, load_scorer
from recommit.columns import Tables
from recommit.history import History
from recommit.live import Live
from recommit.problem import Problem
from recommit.serving.app import application
from recommit.serving.example import example_row
from recommit.serving.guard import App
from recommit.serving.hosts.contract import Contract
from recommit.serving.known import Known, Now
from recommit.serving.limits import Limits
from recommit.serving.lines import Lines
from recommit.serving.operation import Watched
from recommit.serving.predictor import Predictor
from recommit.serving.store import FileStore, Store
from recommit.serving.tokens import Token
from tests.recommit.batch import world

KINDS = {"binary": "boosting", "number": "boosted number", "classes": "boosted classes"}


def build_alone(history: Tables, asked: pd.DataFrame, horizon_hours: float) -> pd.DataFrame:
    """The features of a parcel from its own row."""
    recent = pd.DataFrame({"road": world.ROADS, "minutes": [3.0, 11.0, 40.0]})
    return world.build({"delays": recent}, asked, horizon_hours)


def alone(problem: Problem) -> Problem:
    """The same problem without history: features are computed from the row itself."""
    return replace(problem, build=build_alone, tables=(world.PARCELS,), history=())


@dataclass(frozen=True)
class Answer:
    """What came back: its status, its headers in lower case, and its body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as strictly as JSON is."""

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} is no JSON")

        return json.loads(self.body, parse_constant=refuse)


async def call(
    app: App,
    method: str,
    path: str,
    body: bytes | Sequence[bytes] = b"",
    headers: dict[str, str] | None = None,
    wait: float = 0.0,
) -> Answer:
    """Ask `app` as a server would; a body in several parts comes in several messages, `wait` seconds apart."""
    parts: Iterator[bytes] = iter([body] if isinstance(body, bytes) else body)
    left = 1 if isinstance(body, bytes) else len(body)

    async def receive() -> dict[str, Any]:
        nonlocal left
        if left <= 0:
            return {"type": "http.disconnect"}
        left -= 1
        await asyncio.sleep(wait)
        return {"type": "http.request", "body": next(parts), "more_body": left > 0}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": raw,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    head = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], head, b"".join(one.get("body", b"") for one in sent[1:]))


class Client:
    """A server with one model, and what asks it."""

    def __init__(
        self,
        problem: Problem,
        scorer: Scorer,
        limits: Limits | None = None,
        tokens: Sequence[Token] | None = None,
        watched: Watched | None = None,
        known: Known | None = None,
        flagged: bool = False,
        contract: Contract | None = None,
    ) -> None:
        self.predictor = Predictor(problem, scorer, known, flagged)
        self.example = example_row(self.predictor)
        self.contract = contract
        self.app = application(self.predictor, self.example, limits, tokens, watched, contract)
        self.operation = self.app.operation
        self.operation.begin()

    def ask(self, method: str, path: str, said: Any = b"", headers: dict[str, str] | None = None) -> Answer:
        """Ask; what is said is sent as JSON unless it is bytes."""
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        return asyncio.run(call(self.app, method, path, body, headers))

    def predict(self, said: Any) -> Any:
        """Returns the answer of /predict, which must be one."""
        answer = self.ask("POST", "/predict", said)
        assert answer.status == 200, answer.body
        return answer.json

    def tell(self, said: Any) -> Any:
        """Returns what came of events."""
        answer = self.ask("POST", "/events", said)
        assert answer.status == 200, answer.body
        return {name: value for name, value in answer.json.items() if name != "request_id"}

    def infer(self, said: Any, **headers: str) -> Answer:
        """Ask the model by the Open Inference Protocol."""
        return self.ask("POST", "/v2/models/parcels/infer", said, {k.replace("_", "-"): v for k, v in headers.items()})


class Kept(Lines):
    """Lines of the log that are kept and not written."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[dict[str, Any]] = []

    def write(self, event: str, **said: Any) -> None:
        self.said.append({"event": event, **said})


def known(problem: Problem, store: Path | Store, tables: Tables | None = None) -> Known:
    """What is known of the parcels' roads, and of what the store holds."""
    tables = world.history() if tables is None else tables
    return Known(
        problem,
        lambda: Now(Live(problem, History(tables, problem.history)), {}),
        FileStore(store) if isinstance(store, Path) else store,
    )


def problem_of(task: str) -> Problem:
    """The problem of a kind of task."""
    return world.KINDS[KINDS[task]][1]


def scorer_of(task: str, folder: Path) -> Scorer:
    """A model of a kind of task."""
    return load_scorer(world.write_model(folder, KINDS[task]), "v1.2.0")


def rows(many: int, seed: int = 0) -> list[dict[str, Any]]:
    """Returns features of parcels as JSON has them: a missing number is None."""
    frame = world.features(many, seed)[world.INPUTS]
    return json.loads(
        frame.astype({"weight": "float64", "recent": "float64"}).to_json(orient="records", double_precision=15)
    )


def asked(many: int, seed: int = 0) -> list[dict[str, Any]]:
    """Returns parcels to come as JSON has them."""
    frame = world.plan(many, seed)
    return json.loads(frame.to_json(orient="records", date_format="iso", date_unit="us"))


def tensors(many: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns rows of features as a request of the Open Inference Protocol, in JSON."""
    kinds = {"weight": "FP32", "recent": "FP64", "road": "BYTES", "size": "BYTES"}
    return {
        "inputs": [
            {"name": name, "shape": [len(many), 1], "datatype": kind, "data": [row[name] for row in many]}
            for name, kind in kinds.items()
        ]
    }


def binary(many: Sequence[dict[str, Any]], said: dict[str, Any] | None = None) -> tuple[bytes, str]:
    """Returns the same as raw bytes behind the JSON, and how many bytes are JSON."""
    inputs, raw = [], b""
    for tensor in tensors(many)["inputs"]:
        data = tensor.pop("data")
        if tensor["datatype"] == "BYTES":
            content = b"".join(len(text.encode()).to_bytes(4, "little") + text.encode() for text in data)
        else:
            kind = {"FP32": "<f4", "FP64": "<f8"}[tensor["datatype"]]
            content = np.array([np.nan if value is None else value for value in data], kind).tobytes()
        inputs.append(tensor | {"parameters": {"binary_data_size": len(content)}})
        raw += content
    head = json.dumps({"inputs": inputs} | (said or {})).encode()
    return head + raw, str(len(head))
