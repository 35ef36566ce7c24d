"""A comparison as text: a dozen lines for two sides, a table for the experiments of a commit."""

from collections.abc import Collection, Iterator
from math import floor, log10
from pathlib import Path
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.table import Table

from recommit import Refusal
from recommit.compare.paired import Pair, paired
from recommit.compare.side import Side, at, changed, experiments, working_tree
from recommit.evidence.numbers import Interval
from recommit.evidence.scores import SCORES
from recommit.problem import Problem
from recommit.project.git import git

WIDTH = 120
_WIDEST = 24, 40
"""Characters of the first column, and of each other; longer texts take more lines."""
_LISTED = 6
"""Parameters or files that are listed; more are counted."""


def lines(root: Path, pair: Pair, first: Side, second: Side) -> Iterator[str]:
    """Yield what differs between two sides, how well both candidates predict, what they cost, and one sentence."""
    params = [
        f"{key}: {_value(old)} -> {_value(new)}" for key, (old, new) in changed(first.params, second.params).items()
    ]
    files = [file for file in _files(root, first, second) if not first.makes(file) and not second.makes(file)]
    read = [file for file in files if first.reads(file) or second.reads(file)]
    unread = len(files) - len(read)
    left = f"; not the same rows in both: {', '.join(pair.others)}" if pair.others else ""
    where = f"{pair.drawn.number} blocks of {', '.join(pair.folds)}"
    facts = {
        "candidates": f"{first.name}: {first.fit}; {second.name}: {second.fit}",
        "parameters": _some(params),
        "code, data": _some(read) + (f"; and {unread} that no stage reads" if unread else ""),
        "fit losses": _some(list(_losses(first, second))),
        "model file": f"{_size(first)} -> {_size(second)}",
        "rows": f"{len(pair.rows):,} in {where}, before calibration{left}",
    }
    for name, words in facts.items():
        yield from wrap(f"{name:12}{words}", WIDTH, subsequent_indent=" " * 12)
    table = _table("score", first.name, second.name, f"{second.name} is better by, paired")
    for name, gain in pair.gains.items():
        judged = [said(side[name].interval()) for side in pair.judged]
        table.add_row(SCORES[name].heading, *judged, said(gain.interval()))
    yield from _printed(table)
    yield from (f"{side.name}: {told}" for side in (first, second) if (told := _outdated(side)))
    yield verdict(pair, first.name, second.name)


def verdict(pair: Pair, first: str, second: str) -> str:
    """Return in one sentence which of two candidates is better, by the paired interval of their mean row losses."""
    task, saved = pair.problem.task, pair.saved
    loss, unit = SCORES[task.loss].name.lower(), task.loss_unit
    if pair.same:
        return (
            "Both candidates predict the same: what differs is not in them, or was not run: `dvc status select` tells."
        )
    if not pair.enough:
        few = f"{len(pair.rows):,} rows in {pair.drawn.number} blocks are too few for a decision"
        return f"Not distinguishable: {few}; {loss} saved: {said(saved)} {unit}."
    if saved.low <= 0 <= saved.high:
        return f"Not distinguishable with these rows; {loss} that {second} saves: {said(saved)} {unit}."
    better = "better" if saved.low > 0 else "worse"
    return f"{second} is surely {better} than {first}; {loss} saved on the same rows: {said(saved)} {unit}."


def table(root: Path, problem: Problem) -> Iterator[str]:
    """Yield a table of the commit, the working tree and the experiments that were begun from the commit.

    Its rows hold the name, changed parameters, candidate, validation loss, and what is saved of the commit's, paired.
    """
    head = git(root, "rev-parse", "HEAD")
    commit = at(root, git(root, "rev-parse", "--abbrev-ref", "HEAD").replace("HEAD", head[:7]), head)
    loss = SCORES[commit.selection.metric]
    shown = _table("", "changed parameters", "candidate", f"{loss.heading}, folds", f"saved of {commit.name}'s, paired")
    told: dict[str, str] = {}
    rows: list[tuple[Side, Pair | None]] = [(commit, None)]
    begun = list(experiments(root))
    for name, rev in [("", ""), *begun]:
        try:
            side = at(root, name, rev) if rev else working_tree(root)
        except Refusal as refusal:
            told[name] = str(refusal)
            continue
        try:
            rows.append((side, paired(root, problem, commit, side)))
        except Refusal as refusal:
            rows.append((side, None))
            told[side.name] = str(refusal)
        if why := _outdated(side):
            told[side.name] = f"{side.name}: {why}"
    best = min(rows, key=lambda row: -row[1].saved.value if row[1] else 0.0)[0]
    for side, pair in rows:
        mean = next(one.mean for one in side.selection.table if one.fit == side.fit)
        params = "\n".join(f"{key}={_value(new)}" for key, (_, new) in changed(commit.params, side.params).items())
        if not params and side is not commit and any(map(side.reads, _files(root, commit, side))):
            params = "code or data"
        mark = " *" if side is best and len(rows) > 1 else ""
        shown.add_row(side.name + mark, params, side.fit, said(mean), _saved(side is commit, pair))
    yield from _printed(shown)
    yield from told.values()
    if not begun:
        yield "No experiment was begun from this commit; `dvc exp list --all-commits` shows those of others."
    yield "* the best, which of several looks better than it is; `recommit compare A B` says how two differ"


def said(number: Interval) -> str:
    """Return a number with its interval, to as many decimals as two digits of the interval's width need."""
    width = number.high - number.low
    decimals = min(8, max(0, 1 - floor(log10(width)))) if 0 < width < float("inf") else 4
    value, low, high = (f"{end:,.{decimals}f}" for end in (number.value, number.low, number.high))
    return f"{value} [{low}, {high}]"


def _saved(is_commit: bool, pair: Pair | None) -> str:
    if is_commit or pair is None:
        return "" if is_commit else "not known"
    if pair.same:
        return "the same predictions"
    if not pair.enough:
        return said(pair.saved) + ", too few rows"
    return said(pair.saved) + ("" if pair.saved.low <= 0 <= pair.saved.high else ", sure")


def _outdated(side: Side) -> str:
    stages = side.outdated()
    return f"params.yaml is not what {_some(stages)} ran with: `dvc repro select`" if stages else ""


def _files(root: Path, first: Side, second: Side) -> list[str]:
    """Return the tracked files that differ, without parameters and dvc.lock; in the working tree new ones too."""
    commits = [side.commit for side in (first, second) if side.commit]
    names = git(root, "diff", "--name-only", "--relative", "-z", *commits, "--", ".")
    if len(commits) < 2:
        names += "\0" + git(root, "ls-files", "--others", "--exclude-standard", "-z")
    found = sorted({*filter(None, names.split("\0"))} - {"params.yaml", "dvc.lock"})
    return sorted(found, key=lambda file: not file.startswith("src/"))


def _losses(first: Side, second: Side) -> Iterator[str]:
    """Yield the fits whose mean loss in the folds differs, with both losses."""
    old, new = ({one.fit: one.mean.value for one in side.selection.table} for side in (first, second))
    told = {fit: [f"{side[fit]:.4g}" if fit in side else "none" for side in (old, new)] for fit in {**old, **new}}
    yield from (f"{fit}: {before} -> {after}" for fit, (before, after) in told.items() if before != after)


def _size(side: Side) -> str:
    return f"{side.bytes_of_model / 1024:,.0f} KiB"


def _some(names: Collection[str]) -> str:
    listed = list(names)[:_LISTED]
    return ", ".join(listed) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "") or "none differ"


def _value(value: Any) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _table(*heads: str) -> Table:
    found = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for place, head in enumerate(heads):
        found.add_column(head, overflow="fold", max_width=_WIDEST[place > 0])
    return found


def _printed(table: Table) -> list[str]:
    console = Console(width=WIDTH, color_system=None, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]
