"""Says what to do after an advance: look, prove, publish."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from recommit.advance.record import Turn
from recommit.advance.tree import record_files
from recommit.registry.change import PRODUCTION
from recommit.registry.history import read_registry


def publishing(root: Path, turns: Sequence[Turn]) -> Iterator[str]:
    """Yields what is next after these `turns`, and the commands that publish them, the files first."""
    if not turns:
        yield "the clock is there already: nothing to do"
        return
    yield f"look:  {record_files(turns[-1].clock)[1]}, and reports/index.html in a browser"
    yield "prove: recommit verify"
    yield "to publish it, the files first:"
    versions = [turn.promoted_as for turn in turns if turn.promoted_as]
    yield f"  dvc push{' --all-tags' if versions else ''}"
    found = read_registry(root)
    tags = [tag.ref for version in versions for tag in [found.versions.get(version)] if tag]
    tags += [event.tag.ref for event in found.events(PRODUCTION) if event.entry.version in versions]
    yield " ".join(["  git push --atomic origin HEAD", *(f"refs/tags/{tag}" for tag in tags)])
