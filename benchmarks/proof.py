"""Measure `recommit verify` against the pipeline that it proves: from nothing, and with a warm cache."""

import json
import platform
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import click
from pipeline import ROOT, Measured, run

from recommit.proof.machine import cpu

RESULTS = ROOT / "benchmarks/results/proof.json"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--project", type=click.Path(path_type=Path), default=ROOT, help="Another project; writes no results.")
def main(project: Path) -> None:
    """Measure in fresh clones of what is committed here, one after the other, with this environment's tools.

    From nothing: `dvc repro` in a clone without a cache, `recommit verify` in another. Warm: `dvc repro --force`, then
    `recommit verify --jobs 2`, in the first. Every output must come back. Writes benchmarks/results/proof.json.

    \b
    Example:
      python benchmarks/proof.py
    Exit status: 0 measured, 1 a command failed; its clone and log are then kept.
    """
    folder = Path(tempfile.mkdtemp(prefix="recommit-benchmark-"))
    try:
        results = measure(folder, project)
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)
    click.echo(table(results))
    if project == ROOT:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        click.echo(f"written to {RESULTS.relative_to(ROOT)}")


def measure(folder: Path, project: Path) -> dict:
    made, proved = clone(project, folder / "made"), clone(project, folder / "proved")
    nothing = step("dvc repro, from nothing", made, "dvc", "repro")
    proof = step("recommit verify, from nothing", proved, "recommit", "verify")
    again = step("dvc repro --force", made, "dvc", "repro", "--force")
    warm = step("recommit verify --jobs 2, warm cache", made, "recommit", "verify", "--jobs", "2")
    return {
        "cpu": cpu(),
        "python": platform.python_version(),
        "repro": asdict(nothing),
        "verify": asdict(proof),
        "ratio": round(proof.seconds / nothing.seconds, 2),
        "repro_forced": asdict(again),
        "verify_warm": asdict(warm),
        "ratio_warm": round(warm.seconds / again.seconds, 2),
    }


def clone(project: Path, to: Path) -> Path:
    run("git", "clone", "--quiet", str(project), str(to), log=to.with_suffix(".log"))
    site = str(to.with_suffix(".site"))
    run("dvc", "config", "--local", "core.site_cache_dir", site, cwd=to, log=to.with_suffix(".log"))
    return to


def step(label: str, folder: Path, *words: str) -> Measured:
    click.echo(f"{label} ...", err=True)
    return run(*words, cwd=folder, log=folder.parent / f"{label}.log")


def table(results: dict) -> str:
    rows = (("repro", "dvc repro"), ("verify", "recommit verify"), ("repro_forced", "dvc repro --force"))
    lines = [f"{label:<26}{results[name]['seconds']:>8} s" for name, label in (*rows, ("verify_warm", "verify, warm"))]
    ratios = f"verify / repro: {results['ratio']} from nothing, {results['ratio_warm']} with a warm cache"
    return "\n".join([*lines, ratios, f"{results['cpu']}, Python {results['python']}"])


if __name__ == "__main__":
    main()
