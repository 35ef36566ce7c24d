"""The verdicts of a proof as data, which the terminal, the record and the tests share."""

from dataclasses import dataclass
from typing import Literal

Word = Literal["identical", "equal", "different", "missing", "undeclared"]
WORST_LAST: tuple[Word, ...] = ("identical", "equal", "different", "missing", "undeclared")


@dataclass(frozen=True)
class OutputVerdict:
    """The verdict on one out. `where` says in words where it differs and by how much; the last two are hashes."""

    path: str
    verdict: Word
    where: str = ""
    recorded: str = ""
    replayed: str = ""


@dataclass(frozen=True)
class StageVerdict:
    """The verdict on one stage of a commit.

    `undeclared` are files and addresses that it used without declaring them, `problems` are faults of its record, and
    `notes` are remarks. `status` is the command's exit status, None if it was not replayed; `said` are its last lines
    if it failed. `cause` is what breaks it, and `seconds` is the wall time of the replay.
    """

    stage: str
    outputs: tuple[OutputVerdict, ...]
    undeclared: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    status: int | None = 0
    said: str = ""
    cause: str = ""
    seconds: float = 0.0

    @property
    def word(self) -> Word:
        """The worst verdict on the stage."""
        words: list[Word] = [output.verdict for output in self.outputs]
        if self.status:
            words.append("missing")
        if self.undeclared:
            words.append("undeclared")
        if self.problems:
            words.append("different")
        return max(words, key=WORST_LAST.index, default="identical")
