"""Measure the pipeline from nothing, and again, in a fresh clone, against the same work as one plain script."""

import json
import os
import platform
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
    """Measure `dvc repro` from an empty cache, `dvc repro` again, and benchmarks/plain.py.

    All run one after the other in a fresh clone of what is committed here, with this environment's tools. The plain
    script must make the pipeline's models, byte for byte. Writes benchmarks/results/pipeline.json.

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
    clone, plain = folder / "clone", folder / "plain"
    run("git", "clone", "--quiet", str(ROOT), str(clone), log=folder / "clone.log")
    run("dvc", "config", "--local", "core.site_cache_dir", str(folder / "site"), cwd=clone, log=folder / "config.log")
    if sample is not None:
        set_sample(clone / "params.yaml", sample)

    click.echo("dvc repro, from nothing ...", err=True)
    first = run("dvc", "repro", cwd=clone, log=folder / "first.log")
    click.echo("dvc repro, again ...", err=True)
    again = run("dvc", "repro", cwd=clone, log=folder / "again.log")
    if "Running stage" in (folder / "again.log").read_text():
        raise click.ClickException(f"the second `dvc repro` ran stages again: see {folder / 'again.log'}")
    click.echo("the plain script ...", err=True)
    # Pinned from its start as a kernel is, or it would have to start itself again.
    pins = json.loads((clone / "src/recommit/notebook/kernels/recommit/kernel.json").read_text())["env"]
    alone = run("python", "benchmarks/plain.py", str(plain), cwd=clone, log=folder / "plain.log", **pins)
    for model in sorted((clone / "models").rglob("*.onnx")):
        name = model.relative_to(clone)
        if not (plain / name).is_file() or (plain / name).read_bytes() != model.read_bytes():
            raise click.ClickException(f"the plain script's {name} is not the pipeline's: compare them in {folder}")

    return {
        "cpu": cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "pipeline": asdict(first),
        "pipeline_again": asdict(again),
        "plain": asdict(alone),
        "ratio": round(first.seconds / alone.seconds, 2),
    }


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
    rows = [("", "seconds", "of CPU", "peak MB")]
    for name, label in (("pipeline", "dvc repro"), ("pipeline_again", "dvc repro, again"), ("plain", "plain script")):
        row = results[name]
        rows.append((label, str(row["seconds"]), str(row["cpu_seconds"]), str(row["peak_mb"])))
    lines = [f"{label:<18}{seconds:>9}{used:>9}{memory:>9}" for label, seconds, used, memory in rows]
    where = f"{results['cores']} cores of {results['cpu']}, Python {results['python']}"
    return "\n".join([*lines, f"pipeline / plain: {results['ratio']}", where])


if __name__ == "__main__":
    main()
