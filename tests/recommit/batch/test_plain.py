"""The plain case: rows without a time, whose own columns are the features; no history is read."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recommit import Refusal
from recommit.batch.job import plan
from recommit.batch.predict import Request, predict
from recommit.batch.scorer import load_scorer
from recommit.batch.source import open_source
from recommit.columns import ALWAYS, NEVER, Column, Table
from recommit.rawtable.form import Form
from tests.recommit.batch import world

PARCELS = Table(
    "parcels",
    keys=(("parcel",),),
    columns=(
        Column("parcel", "whole", ALWAYS, given=True),
        Column("kilos", "number", ALWAYS, "kg", within=(0, None), given=True),
        Column("before", "number", ALWAYS, "min", missing="may be", given=True),
        Column("way", "text", ALWAYS, given=True),
        Column("delay", "number", NEVER, "min"),
    ),
)


def build(history, rows, horizon_hours):
    assert dict(history) == {}
    return pd.DataFrame(
        {
            "parcel": rows["parcel"].to_numpy(),
            "weight": rows["kilos"].to_numpy("float32"),
            "recent": rows["before"].to_numpy("float32"),
            "road": rows["way"].where(rows["way"].isin(world.ROADS), "north").reset_index(drop=True),
            "size": pd.Series(np.where(rows["kilos"] > 10, "large", "small")).astype("str"),
        }
    )


FEATURES = replace(
    world.FEATURES,
    columns=tuple(c for c in world.FEATURES.columns if c.name not in ("predicted_at", "known_at", "late")),
)
PLAIN = replace(
    world.DELAY,
    rows=PARCELS, features=FEATURES, tables=(PARCELS,), history=(), beside=(), build=build,
    instant=None, known=None, event=None,
)  # fmt: skip


def rows(count: int) -> pd.DataFrame:
    features = world.features(count)
    named = {"weight": "kilos", "recent": "before", "road": "way"}
    return features.rename(columns=named)[["parcel", *named.values()]]


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    return load_scorer(world.write_model(tmp_path_factory.mktemp("models") / "plain", "boosted number"))


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_rows_are_scored_by_their_own_columns_and_need_no_history(scorer, tmp_path, suffix):
    table, to = tmp_path / f"rows.{suffix}", tmp_path / "out.parquet"
    given = rows(200)
    given.to_csv(table, index=False) if suffix == "csv" else given.to_parquet(table, index=False)
    done = predict(PLAIN, scorer, Request(table, to, workers=1))
    found = pd.read_parquet(to)
    assert (done.predicted, done.rejected) == (200, 0)
    assert list(found) == ["parcel", "prediction", "low", "high", "model", "version", "model_sha256"]
    np.testing.assert_array_equal(found["prediction"], scorer.answer(build({}, given, 0)))


def test_a_row_that_breaks_the_declaration_is_rejected_alone(scorer, tmp_path):
    given = rows(20)
    given.loc[3, "kilos"] = -1
    given.to_parquet(tmp_path / "rows.parquet", index=False)
    done = predict(PLAIN, scorer, Request(tmp_path / "rows.parquet", tmp_path / "out.parquet", workers=1))
    assert (done.predicted, done.rejected) == (19, 1)
    assert pd.read_csv(done.rejects)["key"].tolist() == [given["parcel"][3]]


def test_a_table_that_lacks_a_column_is_refused_at_once(scorer, tmp_path):
    rows(5).drop(columns="kilos").to_parquet(tmp_path / "rows.parquet", index=False)
    with pytest.raises(Refusal, match=r"it lacks kilos"):
        predict(PLAIN, scorer, Request(tmp_path / "rows.parquet", tmp_path / "out.parquet", workers=1))


def test_a_table_is_read_in_the_form_of_the_project(scorer, tmp_path):
    """As `ingest` reads its first table: separator, decimal comma, words for a missing value, numbered rows."""
    given = rows(50)
    given.loc[7, "before"] = np.nan
    of_project = replace(PLAIN, form=Form(separator=";", encoding="cp1252", decimal=",", numbered="parcel"))
    asked = given.drop(columns="parcel").rename(columns={"before": " before "})
    asked.assign(note="zölf").to_csv(
        tmp_path / "rows.txt", sep=";", decimal=",", encoding="cp1252", na_rep="N/A", index=False
    )
    done = predict(of_project, scorer, Request(tmp_path / "rows.txt", tmp_path / "out.parquet", workers=1))
    assert (done.predicted, done.rejected) == (50, 0)
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert found["parcel"].tolist() == list(range(1, 51))
    np.testing.assert_array_equal(found["prediction"], scorer.answer(build({}, given, 0)))


def test_a_value_beyond_a_draft_is_scored_and_told_and_beyond_a_bound_rejected(scorer, tmp_path):
    given = rows(20)
    given.loc[3, "kilos"] = 1e6
    given.to_csv(tmp_path / "rows.csv", index=False)
    for draft, scored in ((True, (20, 0, {"kilos": 1})), (False, (19, 1, {}))):
        parcels = replace(
            PARCELS,
            columns=tuple(
                replace(one, within=(0, 1000), draft=draft) if one.name == "kilos" else one for one in PARCELS.columns
            ),
        )
        of_draft = replace(PLAIN, rows=parcels, tables=(parcels,))
        done = predict(of_draft, scorer, Request(tmp_path / "rows.csv", tmp_path / "out.parquet", workers=1))
        assert (done.predicted, done.rejected, done.outside) == scored


@pytest.mark.parametrize(
    ("form", "features", "taken"),
    [(None, False, "features"), (Form(), False, "asked"), (Form(), True, "features")],
    ids=["no form", "a form", "said to hold features"],
)
def test_a_table_with_the_columns_of_rows_and_of_features_is_of_rows_where_people_write_it(
    scorer, tmp_path, form, features, taken
):
    """A text that the model does not know is then made `unknown` by `build`, as it was in training."""
    given = rows(5)
    given.join(build({}, given, 0).drop(columns="parcel")).to_csv(tmp_path / "rows.csv", index=False)
    of_project = replace(PLAIN, form=form)
    job = plan(of_project, scorer, open_source(tmp_path / "rows.csv", form), None, features)
    assert job.rows == taken
