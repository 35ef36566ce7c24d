"""What a promotion or rollback did, in words or as JSON, and how to publish it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

from recommit.registry.change import Change


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
    if change.commit:
        yield f"it is the champion: commit {change.commit[:10]}; `dvc repro` predicts with it"
    yield "to publish it, the files first:"
    yield "  dvc push"
    yield "  git push --follow-tags"
