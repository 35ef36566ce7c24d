"""Tells in words or as JSON what a promotion or rollback did, and by which commands to publish it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from recommit.registry.looks import UNKNOWN

PRODUCTION = "prod"
"""The stage whose model is the champion. Any other stage is only a tag."""


@dataclass(frozen=True)
class Change:
    """What was done: the `tags` that were made, and the champion's `commit`. Without tags, there was nothing to do."""

    name: str
    version: str
    stage: str
    replaced: str | None = None
    tags: tuple[str, ...] = ()
    commit: str | None = None
    overruled: tuple[str, ...] = ()
    forced: bool = False
    aside: tuple[str, ...] = ()
    """For a rollback: copies of the replaced champion's files that DVC's cache did not have."""
    looks: int | None = None
    """For a promotion: how many candidates were judged on the test rows, as far as this clone knows."""
    accepted: tuple[str, ...] = ()
    """The points that lines of `accepted` in params.yaml answered, each in words."""
    unused: tuple[str, ...] = ()
    """The lines of `accepted` that answer no point."""
    code: tuple[str, ...] | None = ()
    """For a rollback: modules that are different at the version's commit; None if the features are not known."""


def report(change: Change, as_json: bool, say: Callable[[str], None]) -> None:
    """Passes `change` to `say`, in words or as JSON."""
    say(json.dumps(asdict(change), indent=1, ensure_ascii=False) if as_json else "\n".join(_words(change)))


def _words(change: Change) -> Iterator[str]:
    if not change.tags:
        yield f"{change.name} {change.version} has {change.stage} already: nothing to do"
        return
    before = f", in place of {change.replaced}" if change.replaced else ""
    yield f"{change.name} {change.version} is {change.stage} now{before}: {', '.join(change.tags)}"
    yield from (f"overruled: {words}" for words in change.overruled)
    if change.looks:
        were = "candidates were" if change.looks > 1 else "candidate was"
        yield f"{change.looks} {were} judged on this test period, {UNKNOWN}"
    yield from (f"accepted: {words}" for words in change.accepted)
    yield from (f"this line of `accepted` in params.yaml answers nothing: {words}" for words in change.unused)
    if change.commit:
        yield f"it is the champion: commit {change.commit[:10]}; `dvc repro` predicts with it"
    if change.aside:
        yield f"the champion's files that DVC's cache does not hold are kept: {', '.join(change.aside)}"
    if change.code is None:
        yield "no evidence lists the features of this commit: whether this version still fits them was not looked at"
    elif change.code:
        yield f"its features were computed by other code than is here now: {', '.join(change.code)}"
        yield f"  to bring it back: git checkout {change.name}@{change.version} -- {' '.join(change.code)}"
    yield "to publish it, the files first:"
    yield from (f"  {command}" for command in publishing(change))


def publishing(change: Change) -> Iterator[str]:
    """Yields the commands that publish `change`. They name its tags, because these may be on no branch.

    After a rollback of a stage other than prod, this commit does not name the version's files. Then the first command
    pushes the files of all tags.
    """
    here = change.commit or f"{change.name}@{change.version}" in change.tags
    yield "dvc push" if here else "dvc push --all-tags"
    yield " ".join(["git push --atomic origin HEAD", *(f"refs/tags/{tag}" for tag in change.tags)])
