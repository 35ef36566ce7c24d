"""Measure `recommit serve`: speed beside what it stands on and what people write first, memory, overload, endurance."""

import http.client
import json
import os
import platform
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import numpy as np
import orjson
import pandas as pd
import psutil
import uvloop
from open_loop import Offered, offer
from pipeline import ROOT, tree
from ruamel.yaml import YAML

from recommit.artifact.load import load
from recommit.proof.machine import cpu

RESULTS = ROOT / "benchmarks/results/serve.json"
MODEL = ROOT / "models/candidate"
CONNECTIONS = 8
ROUNDS, SECONDS = 9, 2.0
ROWS = 200
STARTS = 5
LOADS, OVERLOAD_SECONDS = (1, 2, 3), 5.0
GIVE_UP_SECONDS = 120
WRK = "wrk is not installed: apt-get install wrk"


@dataclass(frozen=True)
class Asked:
    """What is asked of a server: bodies, one after the other, sent to `path`; `right` judges the answer to the first.

    Of `hello` there is no body.
    """

    server: str
    path: str
    bodies: Sequence[bytes]
    right: Callable[[Any], bool]


@dataclass(frozen=True)
class Started:
    """A server that answers, and how long its start took to its first right answer."""

    port: int
    process: psutil.Process
    seconds: float


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", metavar="N", type=click.IntRange(min=1), default=ROUNDS, help=f"{ROUNDS}; else no results.")
@click.option("--plain", metavar="ENV", type=click.Path(path_type=Path), help="An environment with FastAPI.")
@click.option("--mlflow", metavar="ENV", type=click.Path(path_type=Path), help="An environment with MLflow.")
@click.option(
    "--soak", metavar="MINUTES", type=click.FloatRange(min=0, max=600), default=0.0, help="Endurance; else 0."
)
def main(rounds: int, plain: Path | None, mlflow: Path | None, soak: float) -> None:
    """Measure the server of this checkout on the project's candidate, with tokens and the prediction log.

    One worker is asked by wrk over 8 connections: by the Open Inference Protocol with a row of features, and at
    /predict with features that are computed from history. The same rows are asked of the servers in serve_constant.py
    and serve_plain.py. All servers are up at once and asked in turn, in short rounds, so that a busy machine is unfair
    to none; medians are told. Then one to three times as many requests come as were answered, which wait for nobody;
    with --soak the memory is watched. With both environments and a soak of 10 minutes it writes
    benchmarks/results/serve.json; with such a soak alone it writes that part of the file anew, which does not depend on
    how busy the machine is.

    \b
    The environments of the others, of the versions in locks/dev.txt where they allow it:
      uv venv /tmp/plain
      uv pip install -p /tmp/plain -c locks/dev.txt fastapi uvicorn httptools uvloop pandas pyarrow scikit-learn skops
      uv venv /tmp/mlflow
      uv pip install -p /tmp/mlflow mlflow pyarrow scikit-learn==VERSION skops
    Example:
      python benchmarks/serve.py --plain /tmp/plain --mlflow /tmp/mlflow --soak 10
      python benchmarks/serve.py --rounds 1
    Exit status: 0 measured, 1 a server failed or gave a wrong answer.
    """
    if shutil.which("wrk") is None:
        raise click.ClickException(WRK)
    with tempfile.TemporaryDirectory(prefix="recommit-benchmark-") as folder:
        results = measure(Path(folder), rounds, {"fastapi": plain, "mlflow": mlflow}, soak)
    click.echo(table(results))
    if soak < 10:
        return
    if not (rounds == ROUNDS and plain and mlflow):
        results = json.loads(RESULTS.read_text()) | {"soak": results["soak"]}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    click.echo(f"written to {RESULTS.relative_to(ROOT)}")


def measure(folder: Path, rounds: int, environments: Mapping[str, Path | None], soak: float) -> dict[str, Any]:
    rows, token = Rows(ROWS), secrets.token_urlsafe(32)
    (folder / "tokens").write_text(f"benchmark read,predict {sha256(token.encode()).hexdigest()}\n")
    commands = {"recommit": recommit(folder), "constant": [sys.executable, str(ROOT / "benchmarks/serve_constant.py")]}
    for name, environment in environments.items():
        if environment is None:
            click.echo(f"{name} is skipped: name an environment that has it, see --help", err=True)
            continue
        script = ROOT / "benchmarks/serve_plain.py"
        commands[name] = [str(environment.absolute() / "bin/python"), str(script), name, str(folder / "model.json")]
    if len(commands) > 2:
        (folder / "model.json").write_text(json.dumps(rows.about()))
        python, script, _, about = [*commands.values()][-1]
        subprocess.run([python, script, "fit", about], check=True)
    asked = {name: one for name, one in asks(rows).items() if one.server in commands}
    for name, one in asked.items():
        (folder / name).write_bytes(b"\n".join(one.bodies) + b"\n")
    found: dict[str, Any] = {
        "cpu": cpu(), "cores": len(os.sched_getaffinity(0)), "python": platform.python_version(),
        "connections": CONNECTIONS, "rounds": rounds, "seconds": SECONDS,
        "inputs": len(rows.features.columns), "body_bytes": {name: len(one.bodies[0]) for name, one in asked.items()},
        "floor_us": rows.floor(),
    }  # fmt: skip
    with ExitStack() as stack:
        servers = {}
        for name, command in commands.items():
            first = next(one for one in asked.values() if one.server == name)
            servers[name] = stack.enter_context(running(command, first, token, folder / f"{name}.log"))
        for name, one in asked.items():
            if not answers(servers[one.server].port, one, token):
                raise click.ClickException(f"{name}: a wrong answer")
        each = {name: [] for name in asked}
        for _ in range(rounds):
            for name, one in asked.items():
                each[name].append(wrk(servers[one.server], one.path, folder / name, token))
        found["speed"] = {name: median(runs) for name, runs in each.items()}
        found["ratio"] = ratios({name: [run["per_second"] for run in runs] for name, runs in each.items()})
        found["memory_mb"] = {name: pss(one.process) for name, one in servers.items()}
        found["first_answer_seconds"] = {name: round(one.seconds, 2) for name, one in servers.items()}
        for name, server in servers.items():
            if name != "recommit":
                server.process.suspend()  # nobody asks it any more
        port = servers["recommit"].port
        for name in ("infer", "predict"):
            per_second, one = found["speed"][name]["per_second"], asked[name]
            found.setdefault("overload", {})[name] = {
                str(times): overload(servers["recommit"], one.path, one.bodies, token, per_second * times)
                for times in LOADS
            }
        if soak:
            paths = {name: asked[name].path for name in ("infer", "predict")}
            found["soak"] = endured(servers["recommit"], folder, paths, token, soak)
        for name in ("infer", "predict"):
            if not answers(port, asked[name], token):
                raise click.ClickException(f"{name}: a wrong answer after all that")
        for server in servers.values():
            server.process.resume()
    found["first_answer_seconds"]["recommit"] = round(statistics.median(starts(folder, asked["predict"], token)), 2)
    return found


class Rows:
    """Rows of the candidate's month without missing values: as features, as what is asked, and their answers."""

    def __init__(self, many: int) -> None:
        model, table = load(MODEL), pd.read_parquet(ROOT / "data/features/upcoming.parquet")
        self._model = model
        self.kinds = {one.name: one.type for one in model.manifest.inputs}
        asked = table["predicted_at"] >= pd.Timestamp(model.manifest.as_of, tz="UTC")
        whole = table[asked].dropna(subset=[*self.kinds])
        chosen = whole.iloc[np.linspace(0, len(whole) - 1, many).astype("int64")].set_index("flight_id")
        self.features = chosen[[*self.kinds]]
        from flights.columns import FLIGHTS

        flights = pd.read_parquet(ROOT / "data/raw/flights.parquet").set_index("flight_id", drop=False)
        self.asked = flights.loc[chosen.index, [*FLIGHTS.given]]
        predicted = pd.read_parquet(ROOT / "data/predictions/candidate.parquet").set_index("flight_id")
        self.due = predicted.loc[chosen.index, "probability"].tolist()

    def about(self) -> dict[str, Any]:
        """What the candidate was fitted to, and how."""
        manifest = self._model.manifest
        return {
            "inputs": {one.name: one.values for one in manifest.inputs},
            "table": str(ROOT / "data/features/train.parquet"),
            "target": manifest.target,
            "params": manifest.params,
            "seed": YAML(typ="safe").load(ROOT / "params.yaml")["seed"],
        }

    def calibrated(self, probability: float) -> float:
        """The answer of the file, of what scikit-learn's model answers."""
        from recommit.artifact.calibration import Platt

        return float(Platt(**self._model.manifest.task.calibration.model_dump())(np.array([probability]))[0])

    def records(self) -> list[dict[str, Any]]:
        """The features as JSON has them: a float32 with all its digits."""
        return self.features.astype({n: "float64" for n, k in self.kinds.items() if k == "number"}).to_dict("records")

    def tensors(self) -> list[bytes]:
        """The features as requests of the Open Inference Protocol."""
        types = {"number": "FP32", "text": "BYTES"}
        return [
            orjson.dumps({"inputs": [
                {"name": name, "shape": [1], "datatype": types[self.kinds[name]], "data": [value]}
                for name, value in row.items()
            ]}) for row in self.records()
        ]  # fmt: skip

    def flights(self) -> list[bytes]:
        """The rows as a caller knows them."""
        return [line.encode() for line in self.asked.to_json(orient="records", lines=True, date_format="iso").split()]

    def floor(self) -> dict[str, float]:
        """Microseconds that one row takes at least: the model's own run, and the parser's of its body."""
        from recommit.artifact.model import WIDTH, Model

        model, body = Model(self._model.content), self.tensors()[0]
        feed = {
            name: np.repeat(self.features[name].to_numpy("float32" if kind == "number" else object)[:1], WIDTH)[:, None]
            for name, kind in self.kinds.items()
        }
        return {"model": fastest(lambda: model.run(feed)), "parser": fastest(lambda: orjson.loads(body))}


def fastest(work: Callable[[], object], times: int = 20, each: int = 50) -> float:
    """Microseconds of one run, of the fastest of several rows of runs: the others had to share the machine."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        for _ in range(each):
            work()
        took.append((time.perf_counter() - begun) / each)
    return round(min(took) * 1e6, 1)


def asks(rows: Rows) -> dict[str, Asked]:
    """What is asked, by its name in the results."""
    name, due = load(MODEL).manifest.name, rows.due[0]
    tensors, flights = rows.tensors(), rows.flights()
    records = [orjson.dumps(row) for row in rows.records()]
    framed = [b'{"dataframe_records":[%s]}' % row for row in records]

    def near(found: float) -> bool:
        return abs(rows.calibrated(found) - due) < 1e-5

    def any_answer(said: Any) -> bool:
        return "probability" in said

    return {
        "infer": Asked("recommit", f"/v2/models/{name}/infer", tensors, lambda said: tensor(said) == due),
        "predict": Asked("recommit", "/predict", flights, lambda said: said["probability"] == due),
        "hello": Asked("constant", "/hello", [b""], any_answer),
        "constant": Asked("constant", "/constant", tensors, any_answer),
        "constant, parsed": Asked("constant", "/parsed", tensors, any_answer),
        "constant, a flight": Asked("constant", "/constant", flights, any_answer),
        "fastapi": Asked("fastapi", "/predict", records, lambda said: near(said["probability"])),
        "mlflow": Asked("mlflow", "/invocations", framed, lambda said: near(said["predictions"][0][1])),
    }


def tensor(said: Any) -> float:
    """The probability in an answer of the Open Inference Protocol."""
    return next(float(one["data"][0]) for one in said["outputs"] if one["name"] == "probability")


def recommit(folder: Path) -> list[str]:
    """The server of this checkout, as its users start it; the port is to follow."""
    serve = ("-c", "from recommit.cli import main; main()", "serve")
    words = ("--model", str(MODEL), "--tokens", str(folder / "tokens"), "--log", str(folder / "log"))
    return [sys.executable, *serve, *words, "--store", str(folder / "events.db"), "--port"]


@contextmanager
def running(command: Sequence[str], asked: Asked, token: str, log: Path) -> Iterator[Started]:
    """A server that has given its first right answer; it is ended behind."""
    port = free_port()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
                                "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore"}  # fmt: skip
    begun = time.perf_counter()
    with log.open("a") as said:
        process = subprocess.Popen(
            [*command, str(port)], cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
    try:
        while not answers(port, asked, token):
            if process.poll() is not None or time.perf_counter() - begun > GIVE_UP_SECONDS:
                raise click.ClickException(f"{asked.server} does not answer: {log.read_text()[-2000:]}")
            time.sleep(0.002)
        yield Started(port, psutil.Process(process.pid), time.perf_counter() - begun)
    finally:
        for one in tree(process.pid):
            with suppress(psutil.NoSuchProcess):
                one.terminate()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


def answers(port: int, asked: Asked, token: str) -> bool:
    """Whether the server gives the right answer to the first of what is asked; a wrong one ends the benchmark."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_SECONDS)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    try:
        connection.request("POST" if asked.bodies[0] else "GET", asked.path, asked.bodies[0], headers)
        response = connection.getresponse()
        content = response.read()
    except (ConnectionError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    if response.status != 200 or not asked.right(json.loads(content)):
        raise click.ClickException(f"{asked.server}{asked.path} answers {response.status}: {content[:300]!r}")
    return True


def wrk(server: Started, path: str, bodies: Path, token: str, seconds: float = SECONDS) -> dict[str, float]:
    """What wrk sees, with the CPU time that the server took of it."""
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-s", str(ROOT / "benchmarks/serve.lua")]
    words += [f"http://127.0.0.1:{server.port}", "--", path, str(bodies), token]
    used = cpu_seconds(server.process)
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    used = cpu_seconds(server.process) - used
    said = json.loads(done.stdout.splitlines()[-1])
    if said["failed"]:
        raise click.ClickException(f"{path}: {said['failed']} of {said['requests']} requests failed")
    return {
        "per_second": said["requests"] / said["us"] * 1e6,
        "p50_ms": said["p50_us"] / 1e3,
        "p99_ms": said["p99_us"] / 1e3,
        "cpu_us": used / said["requests"] * 1e6,
    }


def cpu_seconds(process: psutil.Process) -> float:
    return sum(one.cpu_times().user + one.cpu_times().system for one in tree(process.pid))


def median(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(f"{statistics.median(run[name] for run in runs):.4g}") for name in runs[0]}


def ratios(runs: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The medians of what was compared within each round."""
    pairs = [("constant", "hello"), ("infer", "constant"), ("infer", "constant, parsed"),
             ("predict", "constant, a flight"), ("infer", "fastapi"), ("infer", "mlflow")]  # fmt: skip
    return {
        f"{one} / {other}": round(statistics.median(a / b for a, b in zip(runs[one], runs[other], strict=True)), 3)
        for one, other in pairs
        if other in runs
    }


def own(process: psutil.Process) -> float:
    """Megabytes that a server's largest process shares with no other: others come and go, and change its share."""
    return round(max(one.memory_full_info().uss for one in tree(process.pid)) / 1e6, 1)


def pss(process: psutil.Process) -> float:
    """Megabytes of the largest process of a server, with its share of what it has in common with others."""
    found = []
    for one in tree(process.pid):
        with suppress(OSError):
            lines = Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()
            found += [int(line.split()[1]) for line in lines if line.startswith("Pss:")]
    return round(max(found) * 1024 / 1e6, 1)


def overload(server: Started, path: str, bodies: Sequence[bytes], token: str, per_second: float) -> dict[str, float]:
    """What comes of so many requests a second, which wait for nobody; the server had so much of a CPU."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n"
    whole = [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]
    used = cpu_seconds(server.process)
    found: Offered = uvloop.run(offer(server.port, whole, per_second, seconds=OVERLOAD_SECONDS))
    used = cpu_seconds(server.process) - used
    if others := found.statuses.keys() - {200, 503}:
        raise click.ClickException(f"{path} answered {min(others)} under load")
    return found.told() | {"cpu_share": round(used / found.seconds, 2)}


def endured(server: Started, folder: Path, paths: Mapping[str, str], token: str, minutes: float) -> dict[str, float]:
    """The slope of its own memory while requests of both kinds come in turn; full files of the log are taken away."""
    end, seen, requests = time.monotonic() + minutes * 60, [], 0.0
    while time.monotonic() < end:
        for name, path in paths.items():
            requests += wrk(server, path, folder / name, token, seconds=5.0)["per_second"] * 5
            seen.append((time.monotonic(), own(server.process)))
        for old in sorted((folder / "log").glob("*.jsonl"), key=lambda path: path.stat().st_mtime)[:-2]:
            old.unlink()
    return {"minutes": minutes, "requests": round(requests), **slope(seen[len(seen) // 5 :])}


def slope(seen: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Megabytes an hour by least squares, and their standard error, of the means of ten parts."""
    at, memory = (np.array([part.mean() for part in np.array_split(column, min(10, len(seen)))]) for column in
                  np.array(seen).T)  # fmt: skip
    hours = (at - at.mean()) / 3600
    by = float(hours @ memory / (hours @ hours))
    left = memory - memory.mean() - by * hours
    error = float(np.sqrt(left @ left / (len(left) - 2) / (hours @ hours))) if len(left) > 2 else float("inf")
    return {
        "mb_an_hour": round(by, 2),
        "standard_error": round(error, 2),
        "begin_mb": seen[0][1],
        "end_mb": seen[-1][1],
    }


def starts(folder: Path, asked: Asked, token: str) -> list[float]:
    """Seconds of several starts to the first right answer of /predict."""
    found = []
    for _ in range(STARTS):
        with running(recommit(folder), asked, token, folder / "starts.log") as started:
            found.append(started.seconds)
    return found


def table(results: dict[str, Any]) -> str:
    lines = [f"{'':<20}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}"]
    for name, one in results["speed"].items():
        lines.append(
            f"{name:<20}" + f"{one['per_second']:>10,.0f}{one['p50_ms']:>9}{one['p99_ms']:>9}{one['cpu_us']:>9}"
        )
    lines += [f"{name:<40}{ratio:>8}" for name, ratio in results["ratio"].items()]
    lines += [
        f"{key}: {results[key]}" for key in ("floor_us", "memory_mb", "first_answer_seconds", "soak") if key in results
    ]
    for name, loads in results["overload"].items():
        lines += [f"{name}, {times} times as much: {said}" for times, said in loads.items()]
    return "\n".join([*lines, f"{results['cores']} cores of {results['cpu']}, Python {results['python']}"])


if __name__ == "__main__":
    main()
