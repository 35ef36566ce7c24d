"""Counts the candidates that were judged on the test rows, and judges the best of that many more strictly."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recommit import Refusal
from recommit.evidence.decision import Decision
from recommit.evidence.files import DECISION, parse, read
from recommit.evidence.stages import Test
from recommit.notebook.ledger import TEST, Look, look_in, noted
from recommit.project.git import blobs, common, git, prefix

UNKNOWN = "as far as this clone knows; looks in other clones are unknown"


@dataclass(frozen=True)
class Tried:
    """The number of candidates judged on the test rows, including this one, and the objections that follow from it.

    `looks` is None if the evidence does not say on which rows it was measured.
    """

    looks: int | None
    objections: tuple[str, ...] = ()


def tried(root: Path) -> Tried:
    """Counts the candidates in the ledger and commits of the project in `root`, and judges this one as their best.

    Candidates that were judged on different samples of one test period count together. Missing evidence, or evidence
    about another candidate, is an objection of `recommit.registry.objections`, not of this function.
    """
    try:
        content = (root / TEST).read_bytes()
        bounds = {rule.rule: rule.bound for rule in read(root / DECISION, Decision).rules if rule.answer != "no"}
    except (OSError, Refusal):
        return Tried(None)
    look = look_in(content)
    if look is None:
        return Tried(None, (f"{TEST} does not say who was judged on which rows: `dvc repro` makes it anew",))
    looks = len({look.candidate, *(one.candidate for one in _known(root) if one.shares_rows(look))})
    if looks == 1:
        return Tried(1)  # the gate has judged it as the only one
    from recommit.learning.tries import PROVING, shortfalls

    try:
        short = shortfalls(parse(content, Test, TEST), bounds, looks, [rule for rule in PROVING if rule in bounds])
        return Tried(looks, tuple(f"{one} ({UNKNOWN})" for one in short))
    except Refusal as refusal:
        return Tried(looks, (f"{looks} candidates were judged on this test period: {refusal}",))
    except KeyError as error:
        words = f"{looks} candidates were judged on this test period, and {TEST} lacks {error} to allow for that"
        return Tried(looks, (f"{words}: `dvc repro` makes it anew",))


def _known(root: Path) -> Iterator[Look]:
    """Yields every look in the ledger, and in all commits of all branches, tags, experiments and other refs."""
    yield from noted(common(root))
    below = prefix(root)
    # Full history, because a merge may drop the evidence of one side, and this side may have no ref any more.
    commits = git(root, "log", "--all", "--full-history", "--format=%H", "--", TEST).split()
    found = blobs(root, [f"{commit}:{below}/{TEST}" if below else f"{commit}:{TEST}" for commit in commits])
    yield from filter(None, (look_in(content) for content in found.values() if content is not None))
