"""Measure scoring a large table: scikit-learn in one process, `recommit predict`, and the same on Dask."""

import filecmp
import json
import os
import platform
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from pipeline import ROOT, Measured, run
from ruamel.yaml import YAML

from recommit.proof.machine import cpu

RESULTS = ROOT / "benchmarks/results/batch.json"
ROWS = 10_000_000
GROUP_ROWS = 1 << 17
ONE_GROUP_ROWS = 1_000_000  # more would have to be written from more memory than there may be
KEPT = ["flight_id", "scheduled_departure", "predicted_at"]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--rows", metavar="N", type=click.IntRange(min=1000), default=ROWS, help="10 million if not said; else no results."
)
@click.option("--workers", metavar="N", type=click.IntRange(min=1), default=2, help="Processes of the last two.")
@click.option("--no-dask", is_flag=True, help="Leave Dask out, as where it is not installed.")
@click.option("--plain", "plain", type=click.Path(path_type=Path), hidden=True)
def main(rows: int, workers: int, no_dask: bool, plain: Path | None) -> None:
    """Score real feature rows, repeated with new keys and times, with models/candidate of the project that we are in.

    Each reads parquet and writes parquet. Scikit-learn's pipeline is fitted anew as `train` did, and calibrated; what
    it gives must be what the model file gives. A tenth of the rows goes first, which shows whether memory grows with
    them. Up to a million, the same rows as one row group must give the same bytes. Writes
    benchmarks/results/batch.json.

    \b
    Example, from the project's folder, after `dvc repro`:
      python benchmarks/batch.py --rows 300000
    Exit status: 0 measured, 1 a command failed or results differ.
    """
    if plain is not None:
        score_plainly(plain)
        return
    with tempfile.TemporaryDirectory(prefix="recommit-benchmark-") as folder:
        results = measure(Path(folder), rows, workers, not no_dask)
    click.echo(table(results))
    if rows == ROWS and not no_dask:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        click.echo(f"written to {RESULTS.relative_to(ROOT)}")


def measure(folder: Path, rows: int, workers: int, dask: bool) -> dict:
    found: dict = {
        "cpu": cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "model": fitted()["fit"],
        "workers": workers,
        "runs": {},
    }
    for number in (rows // 10, rows):
        click.echo(f"{number:,} rows ...", err=True)
        make(folder / "rows.parquet", number)
        size = (folder / "rows.parquet").stat().st_size
        words = ("recommit", "predict", "--model", "models/candidate", "--input", str(folder / "rows.parquet"))
        words = (*words, "--workers", str(workers), "--output")
        ways: dict[str, tuple[str, ...]] = {"recommit predict": ()}
        if dask:
            ways["recommit predict, Dask"] = ("--engine", "dask")
        if number <= ONE_GROUP_ROWS:
            ways["as one row group"] = ("--input", str(one_group(folder / "rows.parquet", folder / "one.parquet")))
        runs: dict[str, Measured] = {}
        for name, more in ways.items():
            runs[name] = run(*words, str(folder / f"{len(runs)}.parquet"), *more, log=folder / "log")
            click.echo(f"  {name}: {runs[name].seconds} s", err=True)
            if not filecmp.cmp(folder / "0.parquet", folder / f"{len(runs) - 1}.parquet", shallow=False):
                raise click.ClickException(f"{name}: other bytes than by recommit predict")
        runs["scikit-learn"] = score_in_child(folder)
        click.echo(f"  scikit-learn: {runs['scikit-learn'].seconds} s", err=True)
        compare(folder / "plain.parquet", folder / "0.parquet")
        plain = runs["scikit-learn"].seconds
        found["runs"][str(number)] = {"input_mb": round(size / 1e6)} | {
            name: asdict(one) | {"rows_per_second": round(number / one.seconds), "times": round(plain / one.seconds, 1)}
            for name, one in runs.items()
        }
    return found


def fitted() -> dict:
    """What the candidate is: fit, model, features, params, calibration."""
    return json.loads(Path("models/candidate/manifest.json").read_text())


def make(path: Path, rows: int) -> None:
    """Write so many rows: those of the project in turn, each time with keys of their own and one year on."""
    parts = [pd.read_parquet(f"data/features/{name}.parquet") for name in ("train", "test", "upcoming")]
    real = pd.concat(parts, ignore_index=True).drop(columns=["late", "label_known_at"], errors="ignore")
    real["flight_id"] = np.arange(len(real))
    writer, written, turn = None, 0, 0
    while written < rows:
        new = real.iloc[: rows - written].assign(flight_id=real["flight_id"] + turn * len(real))
        for name in KEPT[1:]:
            new[name] = new[name] + pd.Timedelta(days=364 * turn)
        table = pa.Table.from_pandas(new, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=GROUP_ROWS)
        written, turn = written + len(new), turn + 1
    assert writer is not None
    writer.close()


def one_group(rows: Path, to: Path) -> Path:
    """The same table as one row group."""
    table = pq.read_table(rows)
    pq.write_table(table, to, row_group_size=table.num_rows)
    return to


def score_in_child(folder: Path) -> Measured:
    """Scikit-learn's pipeline in a process of its own, which fits it first; fitting is not measured."""
    pins = json.loads((ROOT / "src/recommit/notebook/kernels/recommit/kernel.json").read_text())["env"]
    run(sys.executable, __file__, "--plain", str(folder), log=folder / "log", **pins)
    return Measured(**json.loads((folder / "plain.json").read_text()))


def score_plainly(folder: Path) -> None:
    from flights.problem import PROBLEM
    from recommit.artifact.calibration import Platt
    from recommit.learning.models import builder

    about = fitted()
    names = PROBLEM.catalogue.names(about["features"])
    train = pd.read_parquet("data/features/train.parquet", columns=[*names, "late"])
    seed = int(YAML(typ="safe").load(Path("params.yaml"))["seed"])
    pipeline = builder(PROBLEM, seed)(about["model"], about["params"], names).fit(train[names], train["late"])
    calibrate = Platt(**about["task"]["calibration"])
    del train
    peak = Peak()
    started, used = time.monotonic(), time.process_time()
    with pq.ParquetFile(folder / "rows.parquet") as file:
        writer = None
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=[*KEPT, *dict.fromkeys(names)]).to_pandas()
            predicted = rows[KEPT].assign(probability=calibrate(pipeline.predict_proba(rows[names])[:, 1]))
            table = pa.Table.from_pandas(predicted, preserve_index=False)
            writer = writer or pq.ParquetWriter(folder / "plain.parquet", table.schema)
            writer.write_table(table)
        assert writer is not None
        writer.close()
    seconds, cpu_seconds = time.monotonic() - started, time.process_time() - used
    measured = Measured(round(seconds, 1), round(cpu_seconds, 1), peak.stop())
    (folder / "plain.json").write_text(json.dumps(asdict(measured)))


class Peak:
    """The highest RSS of this process from now on until `stop`, in MB."""

    def __init__(self) -> None:
        self._highest, self._ended = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._ended.wait(0.1):
            self._highest = max(self._highest, process.memory_info().rss)

    def stop(self) -> int:
        """End the watch, and give it."""
        self._ended.set()
        self._thread.join()
        return round(self._highest / 1e6)


def compare(plain: Path, output: Path) -> None:
    """Stop unless both have the same keys, and probabilities that differ by what float32 explains."""
    with pq.ParquetFile(plain) as one, pq.ParquetFile(output) as other:
        if one.metadata.num_rows != other.metadata.num_rows:
            raise click.ClickException(f"{output.name} has other rows than scikit-learn's")
        both = (file.iter_batches(GROUP_ROWS, columns=["flight_id", "probability"]) for file in (one, other))
        for a, b in zip(*both, strict=True):
            apart = np.abs(a["probability"].to_numpy() - b["probability"].to_numpy()).max()
            if not a["flight_id"].equals(b["flight_id"]) or apart > 1e-5:
                raise click.ClickException(f"{output.name} differs from scikit-learn's by {apart}")


def table(results: dict) -> str:
    lines = [f"{'':<26}{'rows/s':>12}{'seconds':>10}{'of CPU':>9}{'peak MB':>9}{'times':>7}"]
    for number, runs in results["runs"].items():
        lines.append(f"{int(number):,} rows, {runs['input_mb']:,} MB")
        for name, one in runs.items():
            if name != "input_mb":
                numbers = f"{one['rows_per_second']:>12,}{one['seconds']:>10}{one['cpu_seconds']:>9}{one['peak_mb']:>9}"
                lines.append(f"  {name:<24}{numbers}{one['times']:>7}")
    where = f"{results['cores']} cores of {results['cpu']}, Python {results['python']}"
    return "\n".join([*lines, f"{results['model']}, {results['workers']} workers; {where}"])


if __name__ == "__main__":
    main()
