"""Whatever the kind of answer, it is the same to the last bit however the rows come."""

import pytest

from recommit.batch.scorer import load_scorer
from tests.recommit.batch import world
from tests.recommit.batch.conftest import Scored

KINDS = [
    (world.DELAY, "boosted number"),
    (world.DELAY, "ridge"),
    (world.CAME, "boosted classes"),
    (world.CAME, "multinomial"),
]


@pytest.mark.parametrize(("problem", "model"), KINDS, ids=[model for _, model in KINDS])
def test_a_plan_a_table_of_features_and_processes_give_the_same_bytes(problem, model, score: Scored, tmp_path):
    loaded = load_scorer(world.write_model(tmp_path / "models", model))
    outputs = [
        score(loaded, rows, problem=problem, **options)[0].read_bytes()
        for rows in (world.plan(200), world.features(200))
        for options in ({}, {"workers": 2})
    ]
    assert set(outputs) == {outputs[0]}
