"""Compares the outs of stages with each other, and with the metrics and plots that dvc.yaml lists."""

import itertools
from collections.abc import Iterator
from operator import itemgetter
from pathlib import PurePosixPath
from posixpath import normpath

from recommit.check.declared import Declared, Finding, entry_of
from recommit.project.pipeline import is_in

_FIGURES = (".png", ".svg", ".jpg", ".jpeg", ".gif")
_CURVES = (".csv", ".tsv", ".json")


def faults_of_outs(declared: Declared) -> Iterator[Finding]:
    """Yields every fault of the project's outs, metrics and plots."""
    yield from _shared(declared)
    yield from _unregistered(declared)
    yield from _unwritten(declared)


def _shared(declared: Declared) -> Iterator[Finding]:
    """Yields outs that two stages write, and outs that their own stage reads."""
    outs = sorted(((stage, normpath(out)) for stage in declared.stages for out in stage.outs), key=itemgetter(1))
    for (one, out), (other, later) in itertools.combinations(outs, 2):
        if later == out:
            yield Finding(entry_of(one), f"{out} is an out of stage {other.family} too: give each a file of its own")
        elif is_in(later, out):
            yield Finding(entry_of(other), f"{later} lies inside {out}, an out of stage {one.family}: move one")
    for stage, out in outs:
        for dep in map(normpath, stage.deps):
            if is_in(out, dep) or is_in(dep, out):
                yield Finding(entry_of(stage), f"it reads {dep} and writes {out}: a stage's inputs are not its outputs")


def _unregistered(declared: Declared) -> Iterator[Finding]:
    """Yields outs that `dvc plots` should show and does not: figures and curves. Data and models are none."""
    listed = [normpath(path) for path in _listed(declared, "plots")]
    for stage in declared.stages:
        for out in sorted({*stage.outs} - {*stage.plots}):
            if _is_plot(PurePosixPath(normpath(out))) and not any(is_in(normpath(out), path) for path in listed):
                yield Finding(entry_of(stage), f"`dvc plots show` leaves {out} out: list it under plots")


def _is_plot(out: PurePosixPath) -> bool:
    if out.parts[0] in ("data", "models"):
        return False
    drawn = out.suffix in _CURVES and out.parts[:2] in (("reports", "plots"), ("reports", "figures"))
    return drawn or out.suffix in _FIGURES


def _unwritten(declared: Declared) -> Iterator[Finding]:
    """Yields metrics and plots that dvc.yaml lists outside its stages and that no stage writes."""
    outs = [normpath(out) for stage in declared.stages for out in stage.outs]
    for section in ("metrics", "plots"):
        for path in map(normpath, _listed(declared, section)):
            if not any(is_in(path, out) or is_in(out, path) for out in outs):
                yield Finding(f"dvc.yaml: {section}", f"{path} is no stage's out: take it out, or declare it")


def _listed(declared: Declared, section: str) -> Iterator[str]:
    """Yields the files that dvc.yaml lists under `metrics` or `plots` outside its stages.

    A plot may also name files as the data of an axis.
    """
    for entry in declared.pipeline.get(section) or []:
        if isinstance(entry, str):
            yield entry
        else:
            for name, drawn in entry.items():
                axes = [axis for axis in (drawn or {}).values() if isinstance(axis, dict)]
                yield from (path for axis in axes for path in axis) if axes else [name]
