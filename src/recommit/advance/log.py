"""The log of predictions: what was said of each period before it began, by the champion and by the candidate."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from recommit import Refusal
from recommit.advance.period import Clock
from recommit.advance.tree import LOG, LOG_POINTERS, checked, locked
from recommit.problem import Problem
from recommit.project.contents import cached
from recommit.project.dvc import cache_of
from recommit.project.git import git
from recommit.project.hashes import hash_of, ignored_by_dvc, md5_of
from recommit.project.lock import LockedStage, read_added
from recommit.registry.files import CHAMPION
from recommit.registry.state import NONE_YET

FILES = {
    "champion": ("data/predictions/upcoming.parquet", f"{LOG}/predictions"),
    "candidate": ("data/predictions/candidate.parquet", f"{LOG}/candidate"),
}
"""By who said it: the out of the pipeline that holds the predictions of rows to come, and their folder in the log."""


def log_file(root: Path, who: str, period: str) -> Path:
    """Returns the place of what `who` said of the `period`, which begins at that date."""
    return root / FILES[who][1] / f"{period}.parquet"


def keep(root: Path, problem: Problem, clock: Clock) -> bool:
    """Puts the predictions of the period after `clock`, as the last commit has them, into the log; DVC keeps it.

    Of the rows predicted then, those are kept whose event lies in the period. Returns whether there are any. Raises
    Refusal if a file of the last commit is not on this machine, or if its predictions are of an earlier champion.
    """
    stages, facts = locked(root), f"data/raw/{problem.rows.name}.parquet"
    outs = {out.path: out.md5 for stage in stages for out in stage.outs}
    if not {facts, *(out for out, _ in FILES.values())} <= outs.keys():
        return False
    _refuse_another(root, stages)
    rows = pd.read_parquet(_committed(root, facts, outs[facts]), columns=[problem.key, str(problem.event)])
    due = rows.loc[rows[str(problem.event)].between(clock.instant, clock.next.instant, inclusive="left"), problem.key]
    _whole(root)
    found = False
    for who, (out, _) in FILES.items():
        said = pq.read_table(_committed(root, out, outs[out]))
        kept = said.filter(said.column(problem.key).to_pandas().isin(due).to_numpy())
        if kept.num_rows:
            found = True
            log_file(root, who, clock.at).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(kept, log_file(root, who, clock.at))
    if found:
        git(root, "rm", "-r", "--quiet", "--cached", "--ignore-unmatch", "--", LOG)
        (root / LOG / NONE_YET).unlink(missing_ok=True)
        checked(root, "add", "--quiet", LOG)
        git(root, "reset", "--quiet")  # a commit of the user, to mend a stage that fails next, would take it along
    return found


def _refuse_another(root: Path, stages: Sequence[LockedStage]) -> None:
    """Raises Refusal if the champion was promoted after the predictions of the last commit were made."""
    out = FILES["champion"][0]
    deps = {dep.path: dep.md5 for stage in stages for dep in stage.deps if out in {one.path for one in stage.outs}}
    now = hash_of(root / CHAMPION, CHAMPION, ignored_by_dvc(root))
    if deps.get(CHAMPION, now) != now:
        raise Refusal(f"{out} of the last commit is not of its champion: `recommit repro`, and commit that first")


def _whole(root: Path) -> None:
    """Brings the log of the last commit into the tree, where it is not: a part of it would be kept in its place."""
    pointer = LOG_POINTERS[0]
    if (root / pointer).is_file():
        (md5,) = dict(read_added(root, [pointer])).values()
        if not (root / LOG).is_dir() or hash_of(root / LOG, LOG, ignored_by_dvc(root)) != md5:
            checked(root, "checkout", "--quiet", pointer)


def _committed(root: Path, name: str, md5: str) -> Path:
    """Returns a file with the contents that the last commit has of `name`, whose hash is `md5`."""
    if found := cached(cache_of(root), md5):
        return found
    if (root / name).is_file() and md5_of(root / name) == md5:
        return root / name
    raise Refusal(f"{name} of the last commit is not on this machine: `dvc pull` gets all of it")
