"""Says what `recommit advance` would do, step by step, and what it cannot know before."""

from collections.abc import Iterator
from pathlib import Path

from recommit.advance.period import Clock
from recommit.advance.run import planned
from recommit.advance.tree import LOG, record_files, tables
from recommit.project.lock import read_added
from recommit.project.pipeline import Stage, is_in, makers, stages
from recommit.project.yaml import read_yaml


def steps(root: Path, to: str | None) -> Iterator[str]:
    """Yields the steps of `recommit advance --to TO` in the project in `root`, in words. Nothing changes.

    Raises Refusal if the command could not start.
    """
    found = planned(root, to)
    if found.journal:
        yield f"goes on with the advance from {found.journal.starts} to {found.goal.at} that was interrupted"
    if found.is_open:
        yield f"promotes the candidate of {found.clock.at}, which the gate accepted, and predicts with it"
    for clock in found.turns:
        yield from _turn(root, clock)
    if not found.is_open and not found.turns:
        yield f"the clock is at {found.clock.at} already: nothing to do"
    else:
        yield "not known before: what new data holds, whether a stage fails on it, and what the gate says"


def _turn(root: Path, clock: Clock) -> Iterator[str]:
    to, added = clock.next.at, tables(root)
    every = stages(root)
    run = stale_at_another_clock(every, [path for path, _ in read_added(root, added)])
    imports = [name for name in added if read_yaml(root / name).get("deps")]
    yield f"{clock.at} to {to}:"
    if imports:
        yield f"  dvc update {' '.join(imports)}"
    if own := [name for name in added if name not in imports]:
        yield f"  records the data of {', '.join(own)} as it is in the tree"
    yield f"  puts the predictions of {clock.at} to {to} into {LOG}"
    yield f"  moves as_of in params.yaml to {to}"
    yield f"  runs {len(run)} of {len(every)} stages: {', '.join(dict.fromkeys(stage.family for stage in run))}"
    yield f"  commits the results with {record_files(to)[0]} and its page"
    yield "  if the gate says yes: promotes the candidate, runs what depends on the champion, and commits that"


def stale_at_another_clock(every: list[Stage], data: list[str]) -> list[Stage]:
    """Returns those of the stages `every` that run if the clock and the files `data` change, in their order."""
    stale = {
        stage.name
        for stage in every
        if "as_of" in stage.params or any(is_in(path, dep) or is_in(dep, path) for path in data for dep in stage.deps)
    }
    before = {stage.name: makers(stage, every) for stage in every}
    while more := {name for name, made_by in before.items() if made_by & stale} - stale:
        stale |= more
    return [stage for stage in every if stage.name in stale]
