"""A catalogue says of each feature what it is, and refuses a set that names one it does not have."""

from dataclasses import replace

import pytest

from recommit.catalogue import UNASKED, WITH_ROW, Feature, as_given, listed
from recommit.columns import ALWAYS, Column
from recommit.evidence import stages
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


def test_a_column_as_it_is_given_is_a_feature_of_its_unit_and_values():
    speed = as_given(Column("speed", "number", ALWAYS, "km/h"), "how fast", WITH_ROW)
    assert speed == Feature("speed", "how fast", "rows", "km/h", WITH_ROW, WITH_ROW)
    road = as_given(Column("road", "text", ALWAYS, values=ROADS), "which road")
    assert (road.available, road.kind, road.vocabulary) == (UNASKED, "category", ROADS)
    assert as_given(Column("town", "text", ALWAYS), "where", values=("A", "B")).vocabulary == ("A", "B")


def test_evidence_knows_a_feature_that_nobody_was_asked_about():
    own = {"description": "", "source": "rows", "unit": "-", "cost": "none", "owner": "us", "kind": "number"}
    assert stages.Feature(name="a", available=UNASKED, **own).unasked
    assert not stages.Feature(name="a", available=WITH_ROW, **own).unasked


def test_a_long_vocabulary_is_listed_between_marks():
    assert listed("a, b|c") == ("a, b", "c")
    assert listed("a|b;c", ";") == ("a|b", "c")
