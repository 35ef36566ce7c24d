"""The directions speak of features that there are, and of changes that can be seen."""

from pathlib import Path

import numpy as np
import pytest

from flights.catalogue import FEATURES
from flights.directions import DIRECTIONS
from flights.problem import PROBLEM
from recommit.learning.intervals import blocks
from recommit.learning.models import builder
from recommit.learning.robustness import check_directions
from recommit.project.yaml import read_yaml

BOUND = read_yaml(Path(__file__).parents[2] / "params.yaml")["gate"]["directions"]
BY_NAME = {feature.name: feature for feature in FEATURES}


def test_names_are_unique_and_every_direction_says_why():
    assert len({direction.name for direction in DIRECTIONS}) == len(DIRECTIONS)
    assert all(direction.why and 0 < direction.tolerance < 0.1 for direction in DIRECTIONS)


@pytest.mark.parametrize("direction", DIRECTIONS, ids=lambda direction: direction.name)
def test_a_direction_changes_numbers_of_the_catalogue_within_what_can_be(direction, table):
    changes = {change.feature: change for change in direction.changes}
    assert len(changes) == len(direction.changes)
    assert {BY_NAME[name].kind for name in changes} == {"number"}
    for name, change in changes.items():
        after = change.apply(table[name])
        assert after.dtype == np.float32
        assert (after.isna() == table[name].isna()).all()
        assert (after != table[name]).sum() > after.isna().sum(), f"{name}: nothing changes"
        if BY_NAME[name].unit == "share":
            assert after.max() <= 1


def test_a_model_fitted_to_punctual_instead_of_late_violates_them(table):
    columns = list(dict.fromkeys(change.feature for direction in DIRECTIONS for change in direction.changes))
    build = {"max_iter": 30, "min_samples_leaf": 100}
    model = builder(PROBLEM, 7)("boosting", build, columns).fit(table[columns], ~table["late"])
    rows = table[columns].iloc[-6000:]
    days = blocks(table["predicted_at"].iloc[-6000:].dt.date, 7)
    moved, *untested = check_directions(
        PROBLEM.task, lambda frame: model.predict_proba(frame)[:, 1], rows, DIRECTIONS, days
    )
    assert untested == [[], []]
    assert np.mean([one.violating.value for one in moved]) > 0.3
    assert max(one.violating.low for one in moved) > 0.3 > BOUND
