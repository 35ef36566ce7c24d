"""What a promotion or rollback did, in words or as JSON, and how to publish it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

from recommit.registry.change import Change
from recommit.registry.looks import UNKNOWN


def report(change: Change, as_json: bool, say: Callable[[str], None]) -> None:
    """Say what was done, line by line."""
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
        yield f"{change.looks} {were} judged on this test month, {UNKNOWN}"
    yield from (f"accepted: {words}" for words in change.accepted)
    yield from (f"this line of `accepted` in params.yaml answers nothing: {words}" for words in change.unused)
    if change.commit:
        yield f"it is the champion: commit {change.commit[:10]}; `dvc repro` predicts with it"
    if change.aside:
        yield f"the champion's files that DVC's cache does not hold are kept: {', '.join(change.aside)}"
    yield from _features(change)
    yield "to publish it, the files first:"
    yield from (f"  {command}" for command in publishing(change))


def _features(change: Change) -> Iterator[str]:
    """That a version's features come with its commit, where what is here computes them by other code."""
    if change.features is None:
        yield "the features that dvc.lock records are not here: whether this version still fits them was not looked at"
        return
    files, new = change.features.files, change.features.new
    if files or new:
        yield f"its features were computed by other code than is here now: {', '.join((*files, *new))}"
    if files:
        yield f"  to bring it back: git checkout {change.name}@{change.version} -- {' '.join(files)}"


def publishing(change: Change) -> Iterator[str]:
    """The commands that publish a change; a tag reaches the others whatever branch its commit is on.

    Files that are neither the candidate's nor the champion's of this commit, as those of a version that got another
    stage back, are pushed as those of all tags.
    """
    here = change.commit or f"{change.name}@{change.version}" in change.tags
    yield "dvc push" if here else "dvc push --all-tags"
    yield " ".join(["git push --atomic origin HEAD", *(f"refs/tags/{tag}" for tag in change.tags)])
