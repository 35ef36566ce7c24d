"""The verdicts of a proof, as data that the terminal, the record and the tests share."""

from dataclasses import dataclass
from typing import Literal

Word = Literal["identical", "equal", "different", "missing", "undeclared"]
WORST_LAST: tuple[Word, ...] = ("identical", "equal", "different", "missing", "undeclared")


@dataclass(frozen=True)
class OutputVerdict:
    """One out: what came of it, and where it differs and by how much, in words."""

    path: str
    verdict: Word
    where: str = ""
    recorded: str = ""
    replayed: str = ""


@dataclass(frozen=True)
class StageVerdict:
    """One stage of a commit.

    `undeclared` are files and addresses that it touched without declaring them, `problems` what is wrong with its
    record, `notes` what is worth knowing. `status` is the command's exit status and `said` its last words if it failed,
    None if it was not replayed; `cause` is what was found to break it, and `seconds` the replay's wall time.
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
        """The worst that can be said of the stage."""
        words: list[Word] = [output.verdict for output in self.outputs]
        if self.status:
            words.append("missing")
        if self.undeclared:
            words.append("undeclared")
        if self.problems:
            words.append("different")
        return max(words, key=WORST_LAST.index, default="identical")
