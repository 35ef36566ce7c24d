"""One `recommit advance`: from the clock of the last commit to a goal, turn by turn, or on from where it was killed."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recommit import Refusal
from recommit.advance.journal import MARK, Journal, end_journal, read_journal
from recommit.advance.killed import end_processes, take_locks_away
from recommit.advance.period import Clock, clock_of
from recommit.advance.record import Turn, read_turn
from recommit.advance.tree import refuse_own
from recommit.advance.turn import Work, ended, turn
from recommit.problem import load_problem
from recommit.project.files import alone
from recommit.project.git import git, run
from recommit.registry.history import read_registry
from recommit.registry.state import refuse_no_branch


@dataclass(frozen=True)
class Advance:
    """Where an advance stands: the clock of the last commit, the goal, and what an earlier command left to do."""

    clock: Clock
    goal: Clock
    journal: Journal | None
    """That of an earlier command that was interrupted; None if there is none."""
    is_open: bool
    """Whether the last turn has committed its results, and the promotion is left to do."""

    @property
    def turns(self) -> list[Clock]:
        """The clocks from which turns are to be done, in order."""
        found, at = [], self.clock
        while at.instant < self.goal.instant:
            found.append(at)
            at = at.next
        return found


def planned(root: Path, to: str | None) -> Advance:
    """Returns what `recommit advance --to TO` has to do in the project in `root`; without `to`, one period.

    Raises Refusal if it cannot start: no clock, no branch, a goal in the past or the future, or a change to the tree
    that is the user's.
    """
    refuse_no_branch(root)
    clock = clock_of(root)
    read_registry(root)  # refuses a project without a model's name
    last = read_turn(root, clock.at)
    is_open = last is not None and not last.ended
    journal = _valid(root, read_journal(root), clock)
    if to is not None:
        goal = clock.until(to)
    elif journal:
        goal = clock.until(journal.goal)
    else:
        goal = clock if is_open else clock.next
    if not goal.has_come:
        raise Refusal(f"{goal.at} is still to come: the {clock.calendar.by} before it has not ended")
    refuse_own(root, clock.at if is_open else clock.next.at, journal is not None, is_open)
    return Advance(clock, goal, journal, is_open)


def advance(root: Path, to: str | None, pipeline: Callable[[], int], say: Callable[[str], None]) -> tuple[Turn, ...]:
    """Moves the clock of the project in `root` to the date `to`, by default by one period, and returns the turns.

    `pipeline` brings all results up to date. An interrupted advance goes on where it was. Raises Refusal, also if
    another advance runs here.
    """
    with alone(root, "advance", "`recommit advance`"):
        left = read_journal(root)
        if left:
            end_processes(left.mark)
            take_locks_away(root)
        found = planned(root, to)
        starts = found.journal.starts if found.journal else found.clock.at
        if found.journal:
            say(f"going on with the advance from {starts} to {found.goal.at} that was interrupted")
        journal = Journal.begun(starts, found.goal.at, git(root, "rev-parse", "HEAD"))
        journal.write(root)
        work = Work(root, load_problem(root), pipeline, say)
        with _marked(journal.mark):
            if found.is_open:
                ended(work, found.clock)
            for clock in found.turns:
                turn(work, clock)
        return _turns(root, starts, found)


@contextmanager
def _marked(mark: str) -> Iterator[None]:
    """Gives processes that are started meanwhile the `mark`."""
    os.environ[MARK] = mark
    try:
        yield
    finally:
        del os.environ[MARK]


def finish(root: Path) -> None:
    """Notes that the turns were told: only then has the command done all that it was asked for."""
    end_journal(root)


def _turns(root: Path, starts: str, found: Advance) -> tuple[Turn, ...]:
    """Returns the records of the turns from the date `starts` to the goal; first that of one that was left open."""
    records = [read_turn(root, found.clock.at)] if found.is_open and starts == found.clock.at else []
    at = Clock(starts, found.goal.calendar)
    while at.instant < found.goal.instant:
        at = at.next
        records.append(read_turn(root, at.at))
    return tuple(record for record in records if record)


def _valid(root: Path, journal: Journal | None, clock: Clock) -> Journal | None:
    """Returns `journal` if the last commit lies on its way, else None: somebody went elsewhere since."""
    if journal is None or run(root, "merge-base", "--is-ancestor", journal.commit, "HEAD").returncode:
        return None
    starts, goal = (Clock(date, clock.calendar) for date in (journal.starts, journal.goal))
    try:
        return journal if starts.instant <= clock.instant <= goal.instant else None
    except ValueError:
        return None
