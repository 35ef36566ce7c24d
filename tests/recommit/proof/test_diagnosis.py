"""A diagnosis names the one thing that breaks a result, and owns up where there is none."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from recommit.proof.diagnosis import Cause, Replay, diagnose
from recommit.proof.sandbox import Outcome
from recommit.proof.variations import Variation

VARIED = [
    *(Variation(kind, "otherwise") for kind in ("path", "home", "time zone", "locale", "umask", "hash seed", "date")),
    *(Variation("variable", f"NAME_{number}") for number in range(40)),
    Variation("parameter", "horizon_hours"),
    Variation("file", "src/flights/vocabulary.py"),
]


def outcome(result: str, status: int = 0) -> Outcome:
    return Outcome(status, "", {"out": result}, (), Path())


def breaking(*broken: Variation) -> Replay:
    """A stage whose result depends on some of what is varied."""

    def replay(varied: Sequence[Variation]) -> Outcome:
        return outcome(str([variation in varied for variation in broken]))

    return replay


def found(replay: Replay, recorded: dict[str, str] | None = None) -> Cause:
    return diagnose(replay, VARIED, replay(VARIED), recorded or {})


@pytest.mark.parametrize("variation", VARIED, ids=str)
def test_whatever_breaks_a_result_is_named(variation: Variation) -> None:
    cause = found(breaking(variation), {"out": "recorded"})
    assert cause.kind == variation.kind
    assert variation.how in cause.words


def test_of_two_things_that_break_it_one_is_named() -> None:
    assert found(breaking(VARIED[4], VARIED[2])).kind in ("time zone", "umask")


def test_a_failure_that_a_withheld_file_causes_is_named_too() -> None:
    def replay(varied: Sequence[Variation]) -> Outcome:
        return outcome("", status=1) if VARIED[-1] in varied else outcome("fine")

    assert "src/flights/vocabulary.py" in found(replay).words


def test_randomness_is_told_from_the_clock() -> None:
    drawn = count()

    def random(varied: Sequence[Variation]) -> Outcome:
        seeded = any(variation.kind == "random numbers" for variation in varied)
        return outcome("seeded" if seeded else str(next(drawn)))

    assert found(random).kind == "randomness"
    assert found(lambda varied: outcome(str(next(drawn)))).kind == "clock"


def test_a_record_that_no_replay_gives_is_called_that() -> None:
    assert "edited or forged" in found(breaking(), {"out": "forged"}).words


def test_a_result_that_differed_once_only_is_not_called_forged() -> None:
    cause = diagnose(breaking(), VARIED, outcome("once"), {"out": "[]"})
    assert cause.kind == "once"
