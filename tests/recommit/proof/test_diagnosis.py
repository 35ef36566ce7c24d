"""A diagnosis names the one thing that breaks a result, or says that there is none."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from recommit.proof.diagnosis import Replay, diagnose
from recommit.proof.sandbox import Outcome
from recommit.proof.variations import SEEDED, Variation, without_file, without_parameter

VARIED = [
    *(Variation(kind, "otherwise") for kind in ("path", "home", "time zone", "locale", "umask", "hash seed", "date")),
    *(Variation("variable", f"NAME_{number}") for number in range(40)),
    without_parameter("horizon_hours"),
    without_file("src/flights/vocabulary.py"),
]


def outcome(result: str, status: int = 0) -> Outcome:
    return Outcome(status, "", {"out": result}, (), Path())


def breaking(*broken: Variation) -> Replay:
    """Returns a stage whose result depends on `broken`."""

    def replay(varied: Sequence[Variation]) -> Outcome:
        return outcome(str([variation in varied for variation in broken]))

    return replay


def found(replay: Replay, recorded: dict[str, str] | None = None) -> str:
    return diagnose(replay, VARIED, replay(VARIED), recorded or {})


@pytest.mark.parametrize("variation", VARIED, ids=lambda variation: f"{variation.kind} {variation.how}")
def test_whatever_breaks_a_result_is_named(variation: Variation) -> None:
    cause = found(breaking(variation), {"out": "recorded"})
    assert cause == variation.cause
    assert variation.kind in cause
    assert variation.how in cause


def test_of_two_things_that_break_it_one_is_named() -> None:
    assert found(breaking(VARIED[4], VARIED[2])) in (VARIED[2].cause, VARIED[4].cause)


def test_a_failure_that_a_withheld_file_causes_is_named_too() -> None:
    def replay(varied: Sequence[Variation]) -> Outcome:
        return outcome("", status=1) if VARIED[-1] in varied else outcome("fine")

    assert "src/flights/vocabulary.py" in found(replay)


def test_randomness_is_told_from_the_clock() -> None:
    drawn = count()

    def random(varied: Sequence[Variation]) -> Outcome:
        return outcome("seeded" if SEEDED in varied else str(next(drawn)))

    assert "unseeded randomness" in found(random)
    assert "wall clock" in found(lambda varied: outcome(str(next(drawn))))


def test_a_record_that_no_replay_gives_is_called_that() -> None:
    assert "edited or forged" in found(breaking(), {"out": "forged"})


def test_a_result_that_differed_once_only_is_not_called_forged() -> None:
    assert "came back in every further replay" in diagnose(breaking(), VARIED, outcome("once"), {"out": "[]"})
