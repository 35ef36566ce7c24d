"""What is said when the pipeline has run: what was decided, by which numbers, where to look, what to do next."""

import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from recommit.evidence.decision import Decision
from recommit.evidence.files import DECISION, read
from recommit.project import git
from recommit.project.lock import read_lock

_LISTED = 8
_TEST, _SELECTION = "reports/evidence/test.json", "reports/evidence/selection.json"


def summary(folder: Path, outs: Collection[str], whole: bool) -> Iterator[str]:
    """Lines on the decision of the project in `folder`, on what differs from the last commit, and on what is next.

    `outs` are those of the stages that the run was to bring up to date: only of these something is said. `whole` says
    whether those are all stages.
    """
    may_ship = False
    if DECISION in outs:
        decision = read(folder / DECISION, Decision)
        against = [ruling for ruling in decision.rules if not ruling.passes and ruling.answer != "does not apply"]
        may_ship = decision.answer == "yes"
        names = ", ".join(ruling.rule for ruling in against)
        yield f"Decision: may the candidate replace the champion? {decision.answer}" + (f": {names}" if names else "")
        yield from _numbers(folder)
    changed = _changed(folder)
    if changed is not None:
        some = f"those of {', '.join(changed)}" if len(changed) <= _LISTED else f"those of {len(changed)} stages"
        yield f"Results unlike the last commit's: {some if changed else 'none'}"
    if "reports/index.html" in outs:
        yield "Look:     reports/index.html, in a browser"
    steps = ["git add --all && git commit"] * bool(changed) + ["recommit verify"] + ["recommit promote"] * may_ship
    if not whole:
        steps = ["recommit compare"] * (_SELECTION in outs) + ["recommit repro"]
    yield f"Next:     {', then '.join(steps)}" + ("" if whole else ", for the stages that follow")


def _numbers(folder: Path) -> Iterator[str]:
    """The three numbers of the report's first screen, each beside those of champion and baseline."""
    if not (folder / _TEST).is_file():
        return
    # They take half a second to import, and are needed at the end alone.
    from recommit.evidence.stages import Test
    from recommit.report.first_screen import numbers

    found = numbers(read(folder / _TEST, Test))
    for row in found.rows:
        cells = [
            cell.text if cell.look == "text" else f"{column[:1].lower()}{column[1:]} {cell.text}"
            for column, cell in zip(found.columns, row.cells, strict=True)
            if cell.text != "–"
        ]
        yield f"  {row.name}: {'; '.join(cells)}"


def _changed(folder: Path) -> list[str] | None:
    """The stages with results that the last commit's dvc.lock does not record; None where nothing can be compared."""
    committed = git.run(folder, "rev-parse", "--verify", "--quiet", "HEAD").returncode == 0
    if not committed or not (folder / "dvc.lock").is_file():
        return None
    with tempfile.TemporaryDirectory() as private:
        (Path(private) / "dvc.lock").write_text(git.blob(folder, "HEAD", "dvc.lock") or "stages: {}\n")
        before = {stage.name: stage.outs for stage in read_lock(Path(private))}
    return [stage.name for stage in read_lock(folder) if before.get(stage.name) != stage.outs]
