"""A catalogue says of each feature what it is, and refuses a set that names one it does not have."""

from dataclasses import replace

import pytest

from tests.recommit.batch.world import CATALOGUE, ROADS


def test_a_set_gives_its_features_in_order_and_an_unknown_set_is_refused():
    assert CATALOGUE.names("own") == ["weight", "road", "size"]
    with pytest.raises(ValueError, match="no feature set 'own2'; there are own, all"):
        CATALOGUE.names("own2")


def test_a_category_may_also_be_unknown():
    assert CATALOGUE.categories()["road"] == (*ROADS, "unknown")
    assert set(CATALOGUE.categories()) == {"road", "size"}


def test_every_feature_is_described_in_order():
    described = CATALOGUE.describe()
    assert list(described["name"]) == CATALOGUE.all
    assert list(described["cost"].unique()) == ["in the request", "feed of delays"]
    assert CATALOGUE.units() == {"weight": "kg", "recent": "min", "road": "-", "size": "-"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sets": {"own": ("weight", "colour")}}, "the feature set own names colour"),
        ({"features": (*CATALOGUE.features, CATALOGUE.features[0])}, "the feature weight is declared twice"),
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(change, told):
    with pytest.raises(ValueError, match=told):
        replace(CATALOGUE, **change)
