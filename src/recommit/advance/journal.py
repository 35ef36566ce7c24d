"""The journal of an advance: what it set out to do, so that the same command goes on if it is killed."""

import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from recommit.project.files import write_whole

JOURNAL = ".recommit/advance.json"
MARK = "RECOMMIT_ADVANCE"
"""The environment variable by which processes that an advance started are known; it holds the journal's `mark`."""


@dataclass(frozen=True)
class Journal:
    """An advance of the clock from `starts` to `goal`, begun on the commit `commit`; its processes have the `mark`."""

    starts: str
    goal: str
    commit: str
    mark: str

    @classmethod
    def begun(cls, starts: str, goal: str, commit: str) -> "Journal":
        """Returns a journal with a mark of its own."""
        return cls(starts, goal, commit, uuid.uuid4().hex)

    def write(self, root: Path) -> None:
        """Writes the journal, whole, before anything else changes."""
        write_whole(root / JOURNAL, json.dumps(asdict(self), indent=1).encode())


def read_journal(root: Path) -> Journal | None:
    """Returns the journal of an advance that has not ended; None without one, or with one that cannot be read."""
    try:
        return Journal(**json.loads((root / JOURNAL).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def end_journal(root: Path) -> None:
    """Removes the journal: the advance has ended."""
    (root / JOURNAL).unlink(missing_ok=True)
