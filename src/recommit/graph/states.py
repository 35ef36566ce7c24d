"""The state of each stage, as `dvc status` tells it: whether it is up to date, and if not, why."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from recommit import Refusal
from recommit.graph.boxes import Box, ancestors
from recommit.project.dvc import status
from recommit.project.left_out import is_left_out
from recommit.project.lock import read_lock
from recommit.project.pipeline import Stage, makers

State = Literal["failed", "changed", "not here", "waiting", "left out", "up to date"]
MEANING: dict[State, str] = {
    "failed": "its last run failed, and nothing is made anew since",
    "changed": "a run would do it again",
    "not here": "its results are recorded, and not on this machine: dvc pull brings them",
    "waiting": "unchanged so far; a stage before it is to run",
    "left out": "params.yaml leaves it out",
    "up to date": "a run would skip it",
}
"""What each state means, the most urgent first."""
_ABSENT = ("deleted", "not in cache")


@dataclass(frozen=True)
class Standing:
    """The state of a stage or of a box, as a word and as it is `said`, and what makes it so."""

    state: State
    why: tuple[str, ...] = ()
    said: str = ""


def standings(folder: Path, stages: Sequence[Stage]) -> dict[str, Standing]:
    """Return where each of the `stages` of the project in `folder` stands, by its name.

    Raises Refusal where DVC cannot tell.
    """
    changed = status(folder)
    locked: set[str] = set()
    with suppress(Refusal):  # nothing has run yet
        locked = {stage.name for stage in read_lock(folder)}
    found = {stage.name: _standing(folder, stage, changed.get(stage.name), stage.name in locked) for stage in stages}
    above = ancestors({stage.name: {*makers(stage, stages)} for stage in stages})
    for name, standing in found.items():
        first = [other for other in found if other in above[name] and found[other].state in ("changed", "failed")]
        if standing.state in ("up to date", "not here") and first:
            found[name] = Standing("waiting", (f"for {first[0]}",), "waiting")
    return found


def of_box(box: Box, found: Mapping[str, Standing]) -> Standing:
    """Return where a box stands: as the most urgent of its stages; `said` also has how many do."""
    own = [found[stage.name] for stage in box.stages]
    state = min((standing.state for standing in own), key=list(MEANING).index)
    same = [standing for standing in own if standing.state == state]
    why = tuple(dict.fromkeys(reason for standing in same for reason in standing.why))
    return Standing(state, why, state if len(same) == len(own) else f"{state}: {len(same)} of {len(own)}")


def _standing(folder: Path, stage: Stage, changes: Sequence[Any] | None, ran: bool) -> Standing:
    if not changes:
        state: State = "left out" if is_left_out(folder, stage) else "up to date"
        return Standing(state, (), state)
    told = [one for change in changes for one in _told(change)]
    absent = [one for one in told if one[1] in _ABSENT]
    why = tuple(" ".join(one).strip() for one in (told if absent == told else [o for o in told if o not in absent]))
    if (folder / "reports/failed" / f"{stage.file_name}.ipynb").exists():
        return Standing("failed", why, "failed")
    if ran and absent == told:
        return Standing("not here", why, "not here")
    return Standing("changed", why if ran else ("it never ran",), "changed")


def _told(change: Any) -> list[tuple[str, str]]:
    """Return what a change of `dvc status` is about, and how it changed: a file, a parameter or the command."""
    if not isinstance(change, dict):
        return [(str(change), "")]
    files = [(path, how) for paths in change.values() for path, how in paths.items()]
    return [
        (f"{path}: {key}" if key else path, str(value))
        for path, how in files
        for key, value in (how.items() if isinstance(how, dict) else [("", how)])
    ]
