"""The typed record of a turn of the clock: reports/advance/DATE.json."""

import json
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from recommit import Refusal
from recommit.advance.tree import record_files
from recommit.evidence.decision import Answer
from recommit.evidence.files import plain
from recommit.evidence.numbers import CLOSED, Interval, ScoreName, Scores
from recommit.evidence.stages import File, Period
from recommit.project.files import write_whole
from recommit.project.git import blob

Outcome = Literal["accepted", "promoted", "refused"]
"""`accepted`: the candidate may replace the champion, and its promotion is the next step of the turn."""


@dataclass(frozen=True, config=CLOSED)
class Model:
    """A model: its fit, the MD5 of its file, and the clock that it was made at."""

    fit: str
    md5: str
    as_of: str | None


@dataclass(frozen=True, config=CLOSED)
class Tested:
    """How good the candidate is on the rows to test on: the scores of each model, and what it is better by."""

    period: Period
    loss: ScoreName
    metrics: dict[str, Scores]
    better_by: dict[str, Scores]


@dataclass(frozen=True, config=CLOSED)
class Said:
    """What a model had said of the period that passed, held against what came: rows, the model's SHA-256, scores."""

    rows: int
    model_sha256: str
    scores: Scores


@dataclass(frozen=True, config=CLOSED)
class Passed:
    """How the predictions of the period that passed went: those of the champion and of the candidate of its beginning.

    `better_by` is by how much the candidate's loss was below the champion's on the same rows.
    """

    champion: Said
    candidate: Said | None
    better_by: Interval | None


@dataclass(frozen=True, config=CLOSED)
class Turn(File):
    """One turn of the clock `starts` to `clock`: what was decided, by which numbers, and what is predicted now."""

    starts: str
    clock: str
    outcome: Outcome
    answer: Answer
    """What the gate said."""
    reasons: tuple[str, ...]
    """Why the candidate was refused; empty where it was not."""
    accepted_points: tuple[str, ...]
    """Points that the gate cannot tell, and that lines of params.yaml accept."""
    candidate: Model
    champion: Model
    """The model that the candidate was compared with."""
    tested: Tested
    passed: Passed | None
    """None where nothing had been predicted of the period."""
    data: dict[str, str]
    """The hash of each table of new data, by its path."""
    ahead: int | None = None
    """How many rows to come are predicted; None until the turn has ended."""
    promoted_as: str | None = None
    """The version that the candidate was promoted as."""
    replaced: str | None = None
    """The version that it replaced; None where no version had been promoted before."""
    looks: int | None = None
    """How many candidates were judged on this test period at the decision, as far as the clone knew."""

    @property
    def ended(self) -> bool:
        """Whether nothing of the turn is left to do."""
        return self.outcome != "accepted"


def read_turn(root: Path, to: str, revision: str = "HEAD") -> Turn | None:
    """Returns the record of the turn to the date `to` at `revision`, or None. Raises Refusal if it cannot be read."""
    name = record_files(to)[0]
    content = blob(root, revision, name)
    if content is None:
        return None
    try:
        return TypeAdapter(Turn).validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Refusal(f"{name} is no record of a turn: {where}: {first['msg']}: `git log -- {name}`") from None


def write_turn(root: Path, turn: Turn, page: str) -> None:
    """Writes the record of `turn` and its page, each whole."""
    record, words = record_files(turn.clock)
    write_whole(root / record, (json.dumps(plain(turn), indent=1, ensure_ascii=False) + "\n").encode())
    write_whole(root / words, page.encode())
