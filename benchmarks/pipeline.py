"""Measure what a user waits for: the pipeline from nothing, one change, a quick look, against one plain script."""

import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import psutil
from ruamel.yaml import YAML

from recommit.proof.machine import cpu

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/pipeline.json"
SAMPLED_EVERY_SECONDS = 0.2
LABELS = {
    "pipeline": "dvc repro",
    "pipeline_again": "dvc repro, again",
    "side_by_side": "recommit repro",
    "plain": "plain script",
    "changed": "one parameter of boosting, to select",
    "quick": "recommit quick",
    "check": "recommit check",
    "help": "recommit --help",
}


@dataclass(frozen=True)
class Measured:
    """What a command and its children took.

    `seconds` is wall time; `cpu_seconds` far below it for one thread means that the machine was busy with other work.
    `peak_mb` is the highest sum of RSS over the processes, so pages that they share count twice.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: int


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--sample",
    metavar="SHARE",
    type=click.FloatRange(0, 1, min_open=True),
    help="A quick try on this share of the flights; prints, and writes no results.",
)
def main(sample: float | None) -> None:
    """Measure `dvc repro` and `recommit repro` from an empty cache, benchmarks/plain.py, and what is done every day.

    All run one after the other in fresh clones of what is committed here, with this environment's tools. All three
    must make the same models, byte for byte. Writes benchmarks/results/pipeline.json.

    \b
    Example:
      python benchmarks/pipeline.py
      python benchmarks/pipeline.py --sample 0.05
    Exit status: 0 measured, 1 a command failed; its clone and log are then kept.
    """
    folder = Path(tempfile.mkdtemp(prefix="recommit-benchmark-"))
    try:
        results = measure(folder, sample)
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)
    click.echo(table(results))
    if sample is None:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        click.echo(f"written to {RESULTS.relative_to(ROOT)}")


def measure(folder: Path, sample: float | None) -> dict:
    serial, beside, plain = (folder / name for name in ("serial", "beside", "plain"))
    took: dict[str, Measured] = {}

    def timed(name: str, command: str, clone: Path = serial, **environment: str) -> None:
        click.echo(f"{command} ...", err=True)
        took[name] = run(*command.split(), cwd=clone, log=folder / f"{name}.log", **environment)

    for clone in (serial, beside):
        lay_out(clone, folder, sample)
    timed("pipeline", "dvc repro")
    timed("pipeline_again", "dvc repro")
    if "Running stage" in (folder / "pipeline_again.log").read_text():
        raise click.ClickException(f"the second `dvc repro` ran stages again: see {folder / 'pipeline_again.log'}")
    timed("side_by_side", "recommit repro", beside)
    # Pinned from its start as a kernel is, or it would have to start itself again.
    pins = json.loads((serial / "src/recommit/notebook/kernels/recommit/kernel.json").read_text())["env"]
    timed("plain", f"python benchmarks/plain.py {plain}", **pins)
    for model in sorted((serial / "models").rglob("*.onnx")):
        name = model.relative_to(serial)
        if any(
            not (made / name).is_file() or (made / name).read_bytes() != model.read_bytes() for made in (beside, plain)
        ):
            raise click.ClickException(f"{name} is not the same in all three: compare them in {folder}")

    beyond = {"pipeline": beyond_cells(serial, beside, took["pipeline"].seconds)}
    beyond["side_by_side"] = beyond_cells(beside, beside, sum(durations(beside).values()))
    run("git", "add", "--all", cwd=serial, log=folder / "add.log")
    run("git", "commit", "--quiet", "--allow-empty", "-m", "results", cwd=serial, log=folder / "commit.log")
    timed("changed", "dvc exp run -S models.boosting.max_iter=300 select")  # as README shows it
    fits = [max(cells(log)) for log in (serial / "reports/notebooks/train").glob("boosting-*.log")]
    timed("quick", "recommit quick", beside)
    timed("check", "recommit check", beside)
    timed("help", "recommit --help", beside)
    return {
        "cpu": cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        **{name: asdict(one) for name, one in took.items()},
        "beyond_cells_seconds": beyond,
        "fits_of_changed_seconds": round(sum(fits), 1),
        "ratio": {name: round(one.seconds / took["plain"].seconds, 3) for name, one in took.items()},
    }


def lay_out(clone: Path, folder: Path, sample: float | None) -> None:
    """Clones what is committed here, with a DVC of its own that has cached nothing."""
    run("git", "clone", "--quiet", str(ROOT), str(clone), log=folder / "clone.log")
    for key, value in (("user.name", "Benchmark"), ("user.email", "benchmark@example.org")):
        run("git", "config", key, value, cwd=clone, log=folder / "config.log")
    site = str(folder / f"site-{clone.name}")
    run("dvc", "config", "--local", "core.site_cache_dir", site, cwd=clone, log=folder / "config.log")
    if sample is not None:
        set_sample(clone / "params.yaml", sample)


def durations(clone: Path) -> dict[str, float]:
    """The seconds of each stage in the last `recommit repro`."""
    return json.loads((clone / ".recommit/durations.json").read_text())


def beyond_cells(clone: Path, timed: Path, seconds: float) -> float:
    """Returns how long a stage took beyond its cells, the mean of all; together they took `seconds`.

    The report is no notebook: its stage counts as a cell, of the seconds that it took in the clone `timed`.
    """
    logs = list((clone / "reports/notebooks").rglob("*.log"))
    inside = sum(sum(cells(log)) for log in logs)
    return round((seconds - inside - durations(timed)["report"]) / len(logs), 2)


def cells(log: Path) -> list[float]:
    """The seconds of each cell of a stage's notebook, by its log."""
    return [float(one) for one in re.findall(r": ([\d.]+) s$", log.read_text(), re.MULTILINE)]


def run(*words: str, log: Path, cwd: Path | None = None, **environment: str) -> Measured:
    """Run a command with this environment's tools, keep what it says in `log`, and measure its process tree."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    peak = 0
    with log.open("w") as said:
        started, used = time.monotonic(), cpu_of_children()
        command = subprocess.Popen(
            words, cwd=cwd, env=kept | {"PATH": path} | environment, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            while command.poll() is None:
                peak = max(peak, sum(map(resident, tree(command.pid))))
                with suppress(subprocess.TimeoutExpired):
                    command.wait(SAMPLED_EVERY_SECONDS)
        except BaseException:
            for process in tree(command.pid):
                with suppress(psutil.NoSuchProcess):
                    process.terminate()
            command.wait()
            raise
        seconds, cpu_seconds = time.monotonic() - started, cpu_of_children() - used
    if command.returncode:
        raise click.ClickException(f"`{' '.join(words)}` exited with {command.returncode}: see {log}")
    return Measured(round(seconds, 1), round(cpu_seconds, 1), round(peak / 1e6))


def tree(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def resident(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return process.memory_info().rss
    return 0


def set_sample(path: Path, share: float) -> None:
    yaml = YAML()
    params = yaml.load(path)
    params["sample"] = share
    yaml.dump(params, path)


def table(results: dict) -> str:
    rows = [("", "seconds", "of CPU", "peak MB", "/ plain")]
    for name, label in LABELS.items():
        row = results[name]
        numbers = (row["seconds"], row["cpu_seconds"], row["peak_mb"], results["ratio"][name])
        rows.append((label, *map(str, numbers)))
    lines = [f"{label:<38}" + "".join(f"{number:>9}" for number in numbers) for label, *numbers in rows]
    beyond = results["beyond_cells_seconds"]
    mean = f"a stage beyond its cells: {beyond['pipeline']} s by dvc, {beyond['side_by_side']} s by recommit"
    fits = f"the fits of the changed parameter: {results['fits_of_changed_seconds']} s, one after the other"
    where = f"{results['cores']} cores of {results['cpu']}, Python {results['python']}"
    return "\n".join([*lines, mean, fits, where])


if __name__ == "__main__":
    main()
