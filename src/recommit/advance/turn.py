"""One turn of the clock, step by step. Git says which step is next: each can be done again after a kill."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from recommit import Refusal
from recommit.advance import log
from recommit.advance.data import bring
from recommit.advance.journal import JOURNAL
from recommit.advance.judged import decided
from recommit.advance.page import page, verdict
from recommit.advance.period import PARAMS, Clock, moved
from recommit.advance.record import Turn, read_turn, write_turn
from recommit.advance.tree import (
    LOG,
    LOG_POINTERS,
    changed,
    commit,
    locked_outs,
    made_by_stages,
    put_back,
    record_files,
)
from recommit.problem import Problem
from recommit.project.files import write_whole
from recommit.project.git import blob, git
from recommit.project.hashes import md5_of_folder
from recommit.project.lock import read_added
from recommit.registry.change import PRODUCTION
from recommit.registry.entry import FILES
from recommit.registry.files import CHAMPION
from recommit.registry.history import read_registry
from recommit.registry.promote import promote
from recommit.registry.state import POINTERS
from recommit.registry.tags import CANDIDATE

_CLEAN = f"git clean -fdq {' '.join(LOG_POINTERS)} && git clean -fdq {LOG}"  # after the line that ignores the log
GIVE_UP = f"git restore . && {_CLEAN} && dvc checkout --force && rm {JOURNAL}"
"""The command that brings the tree back to the last commit, when an advance is not to go on."""


@dataclass(frozen=True)
class Work:
    """What a turn works with: the project `root` and its problem, the pipeline to run, and whom to tell each step."""

    root: Path
    problem: Problem
    pipeline: Callable[[], int]
    """Brings all results up to date, and returns 0 if it could."""
    say: Callable[[str], None]


def turn(work: Work, clock: Clock) -> Turn:
    """Moves `clock`, that of the last commit, to the end of its period, and returns what was decided there.

    Raises Refusal with status 1 if the pipeline fails; what was made until then stays, and running it again goes on.
    """
    _results(work, clock)
    return ended(work, clock.next)


def ended(work: Work, clock: Clock) -> Turn:
    """Does what is left of the turn that the last commit moved to `clock`, and returns its record."""
    found = read_turn(work.root, clock.at)
    assert found, clock.at
    if not found.ended:
        _promoted(work, found)
    return read_turn(work.root, clock.at) or found


def _results(work: Work, clock: Clock) -> None:
    """Commits the results at the end of the period after `clock`, and what was decided of the candidate."""
    root, after = work.root, clock.next
    _clean(root)
    data = bring(root)
    work.say(f"{after.at}: new data: {', '.join(data) or 'none that DVC tracks by itself'}")
    logged = log.keep(root, work.problem, clock)
    said = "into the log" if logged else "nothing was predicted of it"
    work.say(f"{after.at}: predictions of {clock.at} to {after.at}: {said}")
    text = blob(root, "HEAD", PARAMS) or ""
    write_whole(root / PARAMS, moved(text, after.at).encode())
    work.say(f"{after.at}: the clock is moved; the pipeline runs")
    _run(work, after.at)
    found = decided(root, work.problem, clock, dict(read_added(root, data)))
    if found.ended:
        found = replace(found, ahead=_ahead(root))
    write_turn(root, found, page(found))
    paths = {PARAMS, LOG, *LOG_POINTERS, *data, *record_files(after.at), *made_by_stages(root)}
    commit(root, paths, f"advance: the clock is {after.at}: {_short(verdict(found))}")


def _promoted(work: Work, accepted: Turn) -> None:
    """Promotes the candidate that the record `accepted` is about, and commits what the new champion predicts.

    If the registry refuses it after all, the record says so instead.
    """
    root, at = work.root, accepted.clock
    _clean(root)
    if _is_champion(root):
        before = _replaced(root)
    else:
        _take_half_a_promotion_back(root)
        work.say(f"{at}: {verdict(accepted)}: it is promoted")
        try:
            before = promote(root, PRODUCTION, f"advance to {at}", False).replaced
        except Refusal as refusal:
            if refusal.status != 1:
                raise
            found = replace(accepted, outcome="refused", reasons=(str(refusal),), ahead=_ahead(root))
            write_turn(root, found, page(found))
            commit(root, record_files(at), f"advance: {_short(verdict(found))}")
            return
    work.say(f"{at}: the pipeline runs again, so that the new champion predicts")
    _run(work, at)
    version = read_registry(root).holder(PRODUCTION)
    found = replace(accepted, outcome="promoted", promoted_as=version, replaced=before, ahead=_ahead(root))
    write_turn(root, found, page(found))
    commit(root, {*record_files(at), *made_by_stages(root)}, f"advance: {version} is the champion from {at} on")


def _replaced(root: Path) -> str | None:
    """Returns the version that the present champion replaced, from the record in its tag."""
    return read_registry(root).events(PRODUCTION)[-1].entry.replaced


def _take_half_a_promotion_back(root: Path) -> None:
    """Deletes a tag that gave the stage to this commit's candidate without its becoming the champion.

    Git makes the tags and the champion's commit one after the other once all are locked: a kill may come in between.
    """
    head, events = git(root, "rev-parse", "HEAD"), read_registry(root).events(PRODUCTION)
    if events and events[-1].tag.commit == head:
        git(root, "tag", "--delete", events[-1].tag.ref)


def _run(work: Work, at: str) -> None:
    if work.pipeline():
        raise Refusal(
            f"the pipeline failed with the clock at {at}; nothing is committed, and the champion is as before: mend "
            f"what failed, commit that alone, and run this again; to give it up: `{GIVE_UP}`",
            1,
        )


def _clean(root: Path) -> None:
    """Puts back what an interrupted step left; what is the user's was refused before."""
    if changed(root) or _champion_is_behind(root):
        put_back(root)


def _champion_is_behind(root: Path) -> bool:
    """Returns whether models/champion lacks files of the last commit, as after a kill in the middle of a promotion."""
    return (root / POINTERS[0]).is_file() and not all((root / CHAMPION / name).is_file() for name in FILES)


def _is_champion(root: Path) -> bool:
    """Returns whether the last commit has the candidate of its dvc.lock as the champion."""
    outs = locked_outs(root)
    files = {name: outs.get(f"{CANDIDATE}/{name}", "") for name in FILES}
    pointer = root / POINTERS[0]
    if not (pointer.is_file() and git(root, "ls-files", "--", POINTERS[0])):
        return False
    return dict(read_added(root, [POINTERS[0]])).get(CHAMPION) == md5_of_folder(files)


def _ahead(root: Path) -> int:
    """Returns how many rows to come are predicted."""
    file = root / log.FILES["champion"][0]
    return int(pq.read_metadata(file).num_rows) if file.is_file() else 0


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 150 else f"{line[:149]}…"
