"""Parity sees a file that differs from its model in one threshold by one float, and counts each kind of row."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from recommit.artifact import parity
from recommit.artifact.calibration import Platt
from recommit.artifact.export import export
from recommit.artifact.graph import read_graph
from recommit.artifact.model import Model
from recommit.artifact.probes import KIND, UNSEEN, probes
from tests.recommit.artifact.conftest import LINE, attribute, rebuilt

KINDS = ["usual", "threshold", "category", "missing", "unseen", "extreme"]


def by_kind(compared):
    return {one.kind: one for one in compared}


def test_a_sound_file_agrees_on_every_kind_of_row(made, asked):
    found = parity.compare(Model(made["model.onnx"]), asked, LINE)
    assert [one.kind for one in found] == KINDS
    assert all(one.compared == one.rows > 0 and one.refused == 0 for one in found)
    evidence = parity.as_evidence(found)
    assert evidence["largest"] < parity.TOLERANCE
    assert (evidence["beyond"], evidence["rows"]) == (0, len(asked))
    assert list(parity.as_table(found).index) == KINDS


def test_rows_of_the_test_month_are_a_kind_of_their_own_and_an_odd_answer_to_them_is_seen(made, boosted, asked, table):
    model, line, rows = Model(made["model.onnx"]), LINE, table.iloc[:50]
    found = by_kind(parity.compare(model, parity.with_test(asked, boosted, rows), line))
    assert list(found) == [*KINDS, "test"]
    assert (found["test"].compared, found["test"].beyond) == (50, 0)
    other = clone(boosted).fit(rows, np.arange(50) % 2)
    differs = by_kind(parity.compare(model, parity.with_test(asked, other, rows), line))
    assert differs["test"].beyond > 0
    assert differs["usual"].beyond == 0


def test_every_threshold_moved_by_one_float_is_seen_and_usual_rows_do_not_show_it(boosted, table, asked):
    content = export(boosted, table)
    trees = read_graph(content).predictors[0].attributes
    leaves = dict(
        zip(zip(trees["class_treeids"], trees["class_nodeids"], strict=True), trees["class_weights"], strict=True)
    )
    told = zip(
        *(trees[f"nodes_{n}"] for n in ("treeids", "modes", "featureids", "truenodeids", "falsenodeids")), strict=True
    )
    splits = [
        number
        for number, (tree, mode, feature, yes, no) in enumerate(told)
        if mode != b"LEAF"
        and feature < 2
        # A split into two leaves of one weight makes no difference to anyone.
        and (leaves.get((tree, yes)) is None or leaves.get((tree, yes)) != leaves.get((tree, no)))
    ]
    assert len(splits) > 20

    def differing(number):
        def move(model):
            values = attribute(model, "TreeEnsembleClassifier", "nodes_values").floats
            values[number] = np.nextafter(np.float32(values[number]), np.float32(np.inf))

        return by_kind(parity.compare(Model(rebuilt(content, move)), asked, lambda p: p))

    found = [differing(number) for number in splits]
    assert [number for number, kinds in zip(splits, found, strict=True) if not kinds["threshold"].beyond] == []
    assert not any(kinds["usual"].beyond for kinds in found)


def test_rows_come_to_the_splits_that_only_missing_values_come_to(table):
    """The first split, at infinity, is on whether the wind is known; the next, where it is not, is on rain."""
    rows = table[["wind", "rain"]]
    trees = HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=3, min_samples_leaf=5, learning_rate=1)
    model = make_pipeline(ColumnTransformer([("n", "passthrough", ["wind", "rain"])]), trees)
    model.fit(rows, rows["wind"].isna() & (rows["rain"] > 0.5))
    content = export(model, rows)
    told = read_graph(content).predictors[0].attributes
    assert told["nodes_values"][0] == np.inf
    below = told["nodes_falsenodeids"][0]
    asked = probes(content, rows, seed=1)
    at = asked[(asked[KIND] == "threshold") & (asked["rain"] == np.float32(told["nodes_values"][below]))]
    assert at["wind"].isna().all()
    assert len(at) == 1


def test_a_file_that_is_not_calibrated_as_stated_is_seen(made, asked):
    found = parity.compare(Model(made["model.onnx"]), asked, Platt(LINE.slope, LINE.intercept + 0.01))
    assert all(one.beyond > 0 for one in found)


def test_rows_that_only_the_file_refuses_count_in_full_and_those_of_scikit_learn_are_told(table):
    late = (table["rain"] > 0).astype("int64")
    rows = table[["rain", "place"]]

    def fitted(unknown):
        codes = OneHotEncoder(categories=[["a", "b", "c"]], handle_unknown=unknown, sparse_output=False)
        columns = ColumnTransformer([("n", StandardScaler(), ["rain"]), ("c", codes, ["place"])])
        return make_pipeline(columns, LogisticRegression()).fit(rows, late)

    strict, easy = fitted("error"), fitted("ignore")
    refused = parity.answered(strict, export(strict, rows), rows, seed=1)
    unseen = by_kind(parity.compare(Model(export(strict, rows)), refused, lambda p: p))["unseen"]
    assert (unseen.rows, unseen.compared, unseen.refused, unseen.beyond) == (1, 0, 1, 0)
    assert unseen.refused_by_both == 1
    unseen = by_kind(parity.compare(Model(export(easy, rows)), refused, lambda p: p))["unseen"]
    assert (unseen.refused, unseen.refused_by_both) == (1, 0)
    known = parity.answered(easy, export(easy, rows), rows, seed=1)
    assert by_kind(parity.compare(Model(export(easy, rows)), known, lambda p: p))["unseen"].beyond == 0
    unseen = by_kind(parity.compare(Model(export(strict, rows)), known, lambda p: p))["unseen"]
    assert (unseen.compared, unseen.beyond, unseen.largest) == (1, 1, 1.0)


def test_one_odd_row_does_not_cost_the_answers_to_others():
    rows = pd.DataFrame({"x": range(9)})

    def predict(part):
        if (part["x"] == 4).any():
            raise ValueError("no")
        return part["x"].to_numpy() / 10

    said = parity.answers(predict, rows, ValueError)
    assert np.isnan(said[4])
    assert np.delete(said, 4).tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8])


def test_a_column_that_is_absent_or_of_another_type_is_an_error_and_no_refusal(made, boosted, table, asked):
    model, content = Model(made["model.onnx"]), export(boosted, table)
    with pytest.raises(ValueError, match="the model needs the columns rain"):
        parity.compare(model, asked.drop(columns="rain"), lambda p: p)
    with pytest.raises(ValueError, match="could not convert string to float"):
        parity.compare(model, asked.assign(rain="wet"), lambda p: p)
    with pytest.raises(KeyError, match="rain"):
        parity.answered(boosted, content, table.drop(columns="rain"), seed=1)
    other = clone(boosted).fit(table.assign(snow=0.0), np.arange(len(table)) % 2)
    with pytest.raises(ValueError, match="was fitted on the columns snow, which its file does not read"):
        parity.answered(other, content, table, seed=1)
    with pytest.raises(ValueError, match="could not convert string to float"):
        parity.answered(boosted, content, table.assign(rain="wet"), seed=1)


def test_probes_hold_all_rows_every_category_and_what_the_columns_never_held(boosted, table):
    content = export(boosted, table)
    found = probes(content, table, seed=3)
    pd.testing.assert_frame_equal(found, probes(content, table, seed=3))
    kinds = dict(iter(found.groupby(KIND)))
    pd.testing.assert_frame_equal(kinds["usual"][list(table)].reset_index(drop=True), table)
    assert kinds["category"]["place"].tolist() == ["a", "b", "c"]
    assert kinds["unseen"]["place"].tolist() == [UNSEEN]
    assert kinds["missing"][["wind", "rain"]].isna().all(axis=1).any()
    assert np.finfo("float32").max in kinds["extreme"]["wind"].to_numpy()
    assert len(probes(content, table, seed=3, most=30)) < len(found)
    assert found.dtypes[["wind", "place"]].tolist() == table.dtypes[["wind", "place"]].tolist()
