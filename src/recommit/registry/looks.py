"""How many candidates were judged on the test rows, and whether this one is good enough as the best of that many."""

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
    """The number of candidates judged on the test rows, this one included, and what then speaks against promoting it.

    The number is None where the evidence does not say on which rows it was measured.
    """

    looks: int | None
    objections: tuple[str, ...] = ()


def tried(root: Path) -> Tried:
    """Counts the candidates in this repository's ledger and commits, and judges this one as the best of that many.

    Candidates that were judged on different samples of one test period count together. That evidence is missing, or is
    another candidate's, is an objection of `recommit.registry.objections`, not of this function.
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
        return Tried(1)  # the gate has decided on that
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
    """Yields every look in the ledger, and in each commit of any branch, tag, experiment or other ref."""
    yield from noted(common(root))
    below = prefix(root)
    # Full history: a merge may drop what one side found, and a merged side may have no ref of its own any more.
    commits = git(root, "log", "--all", "--full-history", "--format=%H", "--", TEST).split()
    found = blobs(root, [f"{commit}:{below}/{TEST}" if below else f"{commit}:{TEST}" for commit in commits])
    yield from filter(None, (look_in(content) for content in found.values() if content is not None))
