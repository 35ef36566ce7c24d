import numpy as np
import pandas as pd

from recommit.learning.intervals import blocks
from recommit.learning.slices import Scored, search, worst
from recommit.task import Binary

TASK = Binary(("no", "yes"))


def _world(seed: int, harmed: bool) -> list:
    """Two categories; the forecast is honest, but for one pair of values where, if `harmed`, it is upside down."""
    rng = np.random.default_rng(seed)
    rows = 31 * 400
    columns = pd.DataFrame({"airline": rng.choice(list("ABCD"), rows), "airport": rng.choice(list("XY"), rows)})
    probability = rng.uniform(0.05, 0.6, rows)
    outcome = (rng.uniform(size=rows) < probability).astype(float)
    if harmed:
        odd = (columns["airline"] == "B") & (columns["airport"] == "Y")
        probability[odd] = 0.65 - probability[odd]
    scored = Scored(outcome, probability, np.full(rows, outcome.mean()), np.ones(rows))
    return search(TASK, columns, scored, blocks(np.repeat(np.arange(31), 400), seed=1))


def test_the_one_bad_part_is_found_though_the_whole_is_good() -> None:
    found = worst(_world(1, harmed=True))
    assert (found.by, found.value) == ("airline x airport", "B x Y")
    assert found.improvement.high < 0


def test_among_honest_parts_none_is_surely_bad() -> None:
    assert all(worst(_world(seed, harmed=False)).improvement.high > 0 for seed in range(10))


def test_parts_are_every_value_and_every_pair_with_their_rows() -> None:
    parts = _world(1, harmed=False)
    assert len(parts) == 4 + 2 + 8
    assert sum(part.rows for part in parts if part.by == "airport") == 31 * 400
    assert [part.improvement.value for part in parts] == sorted(part.improvement.value for part in parts)


def test_parts_that_are_too_small_to_tell_are_left_out() -> None:
    day = np.repeat(np.arange(12), 30)
    columns = pd.DataFrame({"kind": np.where(np.arange(360) < 20, "rare", "common")})
    outcome = np.random.default_rng(1).integers(0, 2, 360)
    scored = Scored(outcome, np.full(360, 0.4), np.full(360, 0.5), np.ones(360))
    assert [part.value for part in search(TASK, columns, scored, blocks(day, seed=1))] == ["common"]
    assert worst([]) is None
