"""A canary is judged by bounds that hold at all times: what is worse is told, and what is equal is not."""

import re
from pathlib import Path

import numpy as np
import pytest

from recommit.serving.judge import REASONS, Bounds, Group, distance, verdict
from recommit.serving.shadow import MOST

SOME = [10, 20, 40, 20, 10]


def group(requests: int, errors: int = 0, slow: int = 0, spread: list[int] | None = None) -> Group:
    return Group(requests, errors, slow, spread or [requests * one // 100 for one in SOME])


@pytest.mark.parametrize(
    ("canary", "reason"),
    [
        (group(0), None),
        (group(2, errors=2), None),
        (group(10, errors=10), "errors"),
        (group(1000, errors=10), None),
        (group(1000, errors=100), "errors"),
        (group(1000, slow=30), None),
        (group(1000, slow=200), "latency"),
        (group(1000, spread=[0, 0, 400, 300, 300]), "predictions"),
        (group(1000, spread=[50, 200, 400, 200, 150]), None),
    ],
)
def test_a_canary_is_aborted_for_what_is_sure_and_beyond_the_bounds(canary: Group, reason: str | None) -> None:
    assert verdict(group(20_000), canary, Bounds()) == reason


def test_nothing_is_sure_before_the_first_model_has_answered() -> None:
    assert verdict(group(0), group(1000, spread=[1000, 0, 0, 0, 0]), Bounds()) is None
    assert verdict(group(0), group(1000, errors=1000), Bounds()) is None


def test_errors_that_both_have_are_the_callers() -> None:
    assert verdict(group(20_000, errors=10_000), group(1000, errors=500), Bounds()) is None


def test_the_distance_is_the_largest_one_of_two_distributions() -> None:
    assert distance([1, 1], [2, 0]) == 0.5
    assert distance([1, 2, 1], [10, 20, 10]) == 0
    assert distance([], [1]) == distance([0], [1]) == 0


def test_equal_models_are_not_aborted_however_often_is_looked() -> None:
    """Without any tolerance, looking after every request of 300 canaries; by luck alone 3 may be aborted at most."""
    draw, strict, aborted = np.random.default_rng(7), Bounds(errors=0, slow=0, shift=0, risk=0.01), 0
    for _ in range(300):
        mine = draw.random(200) < 0.3
        errors, slow, spread = draw.random(200) < 0.1, draw.random(200) < 0.2, draw.integers(0, 5, 200)
        for end in range(10, 201, 10):
            both = [
                Group(int(part.sum()), int(errors[:end][part].sum()), int(slow[:end][part].sum()),
                      np.bincount(spread[:end][part], minlength=5).tolist())
                for part in (~mine[:end], mine[:end])
            ]  # fmt: skip
            if verdict(*both, strict):
                aborted += 1
                break
    assert aborted <= 3


def test_the_docs_say_the_bounds_and_reasons_that_hold() -> None:
    docs, bounds = (Path(__file__).parents[3] / "docs/serve.md").read_text(), Bounds()
    rows = dict(re.findall(r"\| `(\w+)` \| (the .*?) \|", docs))
    assert {*rows} == {*REASONS}
    assert f"by more than {bounds.errors}" in rows["errors"]
    assert f"longer than {bounds.seconds} seconds is higher by more than {bounds.slow}" in rows["latency"]
    assert f"by more than {bounds.shift}," in rows["predictions"]
    docs = " ".join(docs.split())
    assert f"probability of at most {bounds.risk}" in docs
    assert f"At most {MOST} requests wait for it" in docs
