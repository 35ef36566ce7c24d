"""Every model fits, repeats, becomes ONNX and says the same there."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from flights.catalogue import CATALOGUE
from flights.problem import PROBLEM
from recommit.artifact.export import export
from recommit.artifact.model import Model
from recommit.learning import models

SMALL = {
    "baseline": {},
    "logistic": {"max_iter": 300, "C": 0.01},
    "boosting": {"max_iter": 10, "min_samples_leaf": 50, "max_features": 0.5},
    "forest": {"n_estimators": 10},
    "extra_trees": {"n_estimators": 10},
}
NAMES = list(models.MODELS["binary"])


@pytest.fixture(scope="module")
def rows(table) -> pd.DataFrame:
    return table.sample(6000, random_state=0).sort_values("predicted_at", ignore_index=True)


def fit(name, rows, columns, seed=7):
    return models.builder(PROBLEM, seed)(name, SMALL[name], columns).fit(rows[columns], rows["late"])


@pytest.mark.parametrize("feature_set", ["schedule", "full"])
@pytest.mark.parametrize("name", NAMES)
def test_a_model_says_the_same_as_onnx_and_gives_the_same_file_again(name, feature_set, rows):
    columns = CATALOGUE.names(feature_set)
    model = fit(name, rows.iloc[:4000], columns)
    content = export(model, rows[columns])
    assert content == export(model, rows[columns])
    assert content == export(fit(name, rows.iloc[:4000], columns), rows[columns])
    expected = model.predict_proba(rows[columns])[:, 1]
    np.testing.assert_allclose(Model(content).answer(rows), expected, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_copes_with_nothing_known_and_unknown_categories(name, rows):
    columns = CATALOGUE.names("full")
    model = fit(name, rows, columns)
    blank = rows[columns].iloc[:2].copy()
    for column in columns:
        blank[column] = "unknown" if column in CATALOGUE.categories() else np.float32("nan")
    blank = blank.astype(dict.fromkeys(CATALOGUE.categories(), "str"))
    expected = model.predict_proba(blank)[:, 1]
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(Model(export(model, blank)).answer(blank), expected, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_has_an_answer_far_out_of_range(name, rows):
    columns = CATALOGUE.names("full")
    model = fit(name, rows, columns)
    numbers = [column for column in columns if column not in CATALOGUE.categories()]
    for extreme in (np.finfo("float32").max, np.finfo("float32").min):
        far = rows[columns].iloc[:50].assign(**dict.fromkeys(numbers, np.float32(extreme)))
        probability = Model(export(model, far)).answer(far)
        assert ((probability >= 0) & (probability <= 1)).all()


# Boosting cannot: scikit-learn finds no bins. The schema refuses such a training table beforehand.
@pytest.mark.parametrize("name", sorted({*NAMES} - {"boosting"}))
def test_a_model_copes_with_a_column_that_is_empty_in_training(name, rows):
    columns = CATALOGUE.names("weather")
    empty = rows.assign(pressure=np.float32("nan"))
    model = fit(name, empty, columns)
    expected = model.predict_proba(rows[columns])[:, 1]
    np.testing.assert_allclose(Model(export(model, rows[columns])).answer(rows), expected, atol=1e-5)


def test_the_baseline_is_the_share_of_late_flights(rows):
    columns = CATALOGUE.names("schedule")
    np.testing.assert_allclose(fit("baseline", rows, columns).predict_proba(rows[columns])[:, 1], rows["late"].mean())


@pytest.mark.parametrize("name", ["logistic", "boosting"])
def test_a_model_learns_and_more_features_help(name, rows):
    train, test = rows.iloc[:4500], rows.iloc[4500:]
    auc = {}
    for feature_set in ("schedule", "full"):
        columns = CATALOGUE.names(feature_set)
        probability = fit(name, train, columns).predict_proba(test[columns])[:, 1]
        auc[feature_set] = roc_auc_score(test["late"], probability)
    assert auc["schedule"] > 0.52
    assert auc["full"] > auc["schedule"]


def test_one_feature_of_either_kind_is_enough(rows):
    for columns in (["carrier"], ["distance"]):
        for name in NAMES:
            assert fit(name, rows, columns).predict_proba(rows[columns]).shape == (len(rows), 2)


def test_wrong_requests_are_refused_in_one_line():
    with pytest.raises(ValueError, match="no model 'magic'; there are baseline, logistic, boosting"):
        models.builder(PROBLEM, 7)("magic", {}, ["distance"])
    with pytest.raises(ValueError, match=r"model boosting: .*tree_count"):
        models.builder(PROBLEM, 7)("boosting", {"tree_count": 3}, ["distance"])
    with pytest.raises(ValueError, match="given no features"):
        models.builder(PROBLEM, 7)("boosting", {}, [])
