"""What is said when the pipeline has run: what was decided, by which numbers, where to look, what to do next."""

import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from recommit.evidence.decision import Decision, Ruling
from recommit.evidence.files import DECISION, read
from recommit.project import git
from recommit.project.lock import read_lock

_SHOWN = ("better_than_baseline", "not_worse_than_champion", "calibration")
"""The rules whose numbers a person looks at first."""
_LISTED = 8


def summary(folder: Path, outs: Collection[str]) -> Iterator[str]:
    """Lines on the decision of the project in `folder`, on what differs from the last commit, and on what is next.

    `outs` are those of the stages that the run was to bring up to date: only of these something is said.
    """
    may_ship = False
    if DECISION in outs:
        decision = read(folder / DECISION, Decision)
        rules = {ruling.rule: ruling for ruling in decision.rules}
        against = [ruling for ruling in decision.rules if not ruling.passes and ruling.answer != "does not apply"]
        may_ship = decision.answer == "yes"
        names = ", ".join(ruling.rule for ruling in against)
        yield f"Decision: may the candidate replace the champion? {decision.answer}" + (f": {names}" if names else "")
        yield from (_number(rules[name]) for name in _SHOWN if name in rules)
    changed = _changed(folder)
    if changed is not None:
        some = ", ".join(changed) if len(changed) <= _LISTED else f"{len(changed)} stages'"
        yield f"Results unlike the last commit's: {some or 'none'}"
    if "reports/index.html" in outs:
        yield "Look:     reports/index.html, in a browser"
    steps = ["git add --all && git commit"] * bool(changed) + ["recommit verify"] + ["recommit promote"] * may_ship
    yield f"Next:     {', then '.join(steps)}"


def _number(ruling: Ruling) -> str:
    interval = "" if ruling.low is None else f" ({ruling.low:.3g} to {ruling.high:.3g})"
    value = "not measured" if ruling.value is None else f"{ruling.value:.3g}"
    return f"  {ruling.rule}: {value}{interval}: {ruling.answer}: {ruling.reason}"


def _changed(folder: Path) -> list[str] | None:
    """The stages with results that the last commit's dvc.lock does not record; None where nothing can be compared."""
    committed = git.run(folder, "rev-parse", "--verify", "--quiet", "HEAD").returncode == 0
    if not committed or not (folder / "dvc.lock").is_file():
        return None
    with tempfile.TemporaryDirectory() as private:
        (Path(private) / "dvc.lock").write_text(git.blob(folder, "HEAD", "dvc.lock") or "stages: {}\n")
        before = {stage.name: stage.outs for stage in read_lock(Path(private))}
    return [stage.name for stage in read_lock(folder) if before.get(stage.name) != stage.outs]
