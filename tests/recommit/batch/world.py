"""Small problems: is a parcel late, by how much, how does it come: by its weight, its road and the road's past."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from recommit.artifact.answers import BinaryAnswers, ClassesAnswers, NumberAnswers
from recommit.artifact.calibration import Platt
from recommit.artifact.export import export
from recommit.artifact.files import sha256
from recommit.artifact.golden import choose, golden_bytes
from recommit.artifact.graph import read_graph
from recommit.artifact.manifest import Manifest, inputs_of, write_manifest
from recommit.artifact.model import Model
from recommit.artifact.probes import probes
from recommit.catalogue import Catalogue, Feature
from recommit.columns import ALWAYS, NEVER, Column, Heard, Table, Tables, since
from recommit.problem import Problem
from recommit.task import Binary, Classes, Number

ROADS = ["north", "south", "coast"]
SIZES = ["large", "small"]
HOW = ("whole", "late", "broken")
KNOWN_UNTIL = pd.Timestamp("2014-01-01", tz="UTC")
INPUTS = ["weight", "recent", "road", "size"]


def build(history: Tables, asked: pd.DataFrame, horizon_hours: float) -> pd.DataFrame:
    recent = history["delays"].set_index("road")["minutes"]
    return pd.DataFrame(
        {
            "parcel": asked["parcel"].to_numpy(),
            "predicted_at": (asked["leaves"] - pd.Timedelta(hours=horizon_hours)).reset_index(drop=True),
            "weight": asked["grams"].to_numpy("float32") / np.float32(1000),
            "recent": asked["road"].map(recent).to_numpy("float32"),
            "road": asked["road"].reset_index(drop=True),
            "size": pd.Series(np.where(asked["grams"] > 10_000, "large", "small")).astype("str"),
        }
    )


PARCELS = Table(
    "parcels",
    keys=(("parcel",),),
    columns=(
        Column("parcel", "whole", ALWAYS, given=True),
        Column("leaves", "instant", ALWAYS, given=True),
        Column("grams", "whole", ALWAYS, "g", given=True),
        Column("road", "text", ALWAYS, values=tuple(ROADS), given=True),
        Column("known_at", "instant", ALWAYS),
        Column("late", "boolean", NEVER),
        Column("delay", "number", NEVER, "min"),
        Column("came", "text", NEVER, values=HOW),
    ),
)
FEATURES = Table(
    "features",
    keys=(("parcel",),),
    columns=(
        Column("parcel", "whole", ALWAYS),
        Column("predicted_at", "instant", ALWAYS),
        Column("known_at", "instant", ALWAYS),
        Column("late", "boolean", NEVER),
        Column("weight", "number", ALWAYS, "kg", within=(0, None), missing="may be"),
        Column("recent", "number", ALWAYS, "min", missing="may be"),
        Column("road", "text", ALWAYS, missing="may be"),
        Column("size", "text", ALWAYS, missing="may be"),
        Column("delay", "number", NEVER, "min"),
        Column("came", "text", NEVER, values=HOW),
    ),
)
CATALOGUE = Catalogue(
    (
        Feature("weight", "weight", "parcels", "kg", "with the parcel", "in the request"),
        Feature("recent", "delay on the road before", "delays", "min", "hourly", "feed of delays"),
        Feature("road", "road", "parcels", "-", "with the parcel", "in the request", "post", "category", tuple(ROADS)),
        Feature("size", "size", "parcels", "-", "with the parcel", "in the request", "post", "category", tuple(SIZES)),
    ),
    sets={"own": ("weight", "road", "size"), "all": ("weight", "recent", "road", "size")},
)
DELAYS = Table(
    "delays",
    keys=(("road",),),
    columns=(
        Column("road", "text", since("told_at"), values=tuple(ROADS), used=True),
        Column("minutes", "number", since("told_at"), "min", within=(0, 600), missing="may be", used=True),
        Column("told_at", "instant", since("told_at"), used=True),
    ),
    heard=(Heard(("told_at",), hours=0, by="road"),),
)
PROBLEM = Problem(
    name="parcels",
    question="Is a parcel late?",
    task=Binary(("punctual", "late")),
    target="late",
    rows=PARCELS,
    features=FEATURES,
    catalogue=CATALOGUE,
    build=build,
    tables=(PARCELS, DELAYS),
    history=(DELAYS,),
    beside=("leaves",),
    instant="predicted_at",
    known="known_at",
    event="leaves",
)
"""Is a parcel late?"""
DELAY = replace(PROBLEM, question="By how much is a parcel late?", task=Number("min"), target="delay")
CAME = replace(PROBLEM, question="How does a parcel come?", task=Classes(HOW), target="came")


def history() -> Tables:
    delays = pd.DataFrame({"road": ROADS, "minutes": [3.0, 11.0, 40.0], "told_at": KNOWN_UNTIL})
    return {"delays": delays.astype({"told_at": "datetime64[us, UTC]"})}


def plan(rows: int, seed: int = 0) -> pd.DataFrame:
    """Returns parcels to come: what is known of them beforehand."""
    draw = np.random.default_rng(seed)
    leaves = pd.Timestamp("2013-09-01", tz="UTC") + pd.to_timedelta(np.arange(rows), unit="min")
    return pd.DataFrame(
        {
            "parcel": np.arange(rows, dtype="int64") + 1000,
            "leaves": pd.Series(leaves).astype("datetime64[us, UTC]"),
            "grams": draw.integers(10, 30_000, rows),
            "road": pd.Series(draw.choice(ROADS, rows)).astype("str"),
        }
    )


def features(rows: int, seed: int = 0) -> pd.DataFrame:
    """Returns the same parcels with their features, some of them missing."""
    asked = plan(rows, seed)
    return build(history(), asked, 2).assign(leaves=asked["leaves"])


KINDS = {
    "boosting": (HistGradientBoostingClassifier(max_iter=40, early_stopping=False), PROBLEM),
    "logistic": (LogisticRegression(), PROBLEM),
    "boosted number": (HistGradientBoostingRegressor(max_iter=40, early_stopping=False), DELAY),
    "ridge": (Ridge(), DELAY),
    "boosted classes": (HistGradientBoostingClassifier(max_iter=30, early_stopping=False), CAME),
    "multinomial": (LogisticRegression(), CAME),
}
LINE = Platt(1.1, -0.05)
ANSWERS = {
    "late": BinaryAnswers.model_validate(
        {
            "outcomes": ["punctual", "late"],
            "calibration": vars(LINE),
            "conformal": {"level": 0.9, "quantile": 0.65},
            "threshold": 0.5,
        }
    ),
    "delay": NumberAnswers.model_validate(
        {"unit": "min", "spread": 15.0, "conformal": {"level": 0.9, "half_width": 7.5}}
    ),
    "came": ClassesAnswers.model_validate(
        {
            "classes": list(HOW),
            "calibration": {"temperature": 1.25},
            "conformal": {"level": 0.9, "quantile": 0.65},
        }
    ),
}
"""What the answers are, by target."""


def truth(rows: pd.DataFrame, target: str) -> np.ndarray:
    """Returns what came of the rows in `features`: whether each was late, by how many minutes, or how it came."""
    draw = np.random.default_rng(2)
    if target == "delay":
        return rows["recent"].to_numpy("float64") + rows["weight"] / 3 + draw.normal(0, 4, len(rows))
    if target == "came":
        broken = (rows["weight"] / 10 + draw.normal(0, 1, len(rows))).fillna(0) > 2
        late = (rows["recent"] / 10 + draw.normal(0, 1, len(rows))).fillna(0) > 1
        return np.array(HOW, dtype=object)[np.where(broken, 2, np.where(late, 1, 0))]
    return draw.random(len(rows)) < 1 / (1 + np.exp(2 - rows["recent"] / 20 - rows["weight"] / 15))


def fitted(kind: str):
    """Returns a model of the features, and the rows that it was fitted on."""
    rows = features(4000, seed=1)
    model, problem = KINDS[kind]
    if "boost" in kind:
        text = ("texts", OrdinalEncoder(categories=[ROADS, SIZES], dtype=np.float32), ["road", "size"])
    else:
        one_hot = OneHotEncoder(categories=[ROADS, SIZES], dtype=np.float64, sparse_output=False)
        text = ("texts", one_hot, ["road", "size"])
    numbers = ("numbers", "passthrough" if "boost" in kind else StandardScaler(), ["weight", "recent"])
    pipeline = make_pipeline(ColumnTransformer([numbers, text]), clone(model))
    return problem.task.fit(pipeline, rows[INPUTS], truth(rows, problem.target)), rows[INPUTS]


def write_model(folder: Path, kind: str, listed: bool = True) -> Path:
    """Writes a model's folder: file, manifest and golden rows.

    If `listed`, the manifest lists the roads that the model knows.
    """
    estimator, rows = fitted(kind)
    problem = KINDS[kind][1]
    task = ANSWERS[problem.target]
    content = task.calibrate.into(export(estimator, rows))
    model, graph = Model(content), read_graph(content)
    golden = golden_bytes(choose(probes(content, rows, 7), model, task, 7), model, task)
    units = dict.fromkeys(INPUTS, "-")
    manifest = {
        "format": 3,
        "name": "parcels",
        "problem": problem.question,
        "target": problem.target,
        "prediction": {"instant": "2 hours before it leaves", "horizon_hours": 2.0},
        "fit": f"{kind}-all",
        "model": kind,
        "features": "all",
        "params": {},
        "inputs": inputs_of(model.columns, units, {"road": ROADS, "size": SIZES} if listed else {}),
        "task": task.model_dump(),
        "as_of": "2013-09-01",
        "trained_rows": len(rows),
        "trained_until": "2013-08-31",
        "parity": 0.0,
        "hashes": {"model": sha256(content), "golden": sha256(golden), "train": "0" * 64, "lock": "0" * 64},
        "opsets": graph.opsets,
        "operators": list(graph.operators),
        "scores": {},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(content)
    (folder / "golden.json").write_bytes(golden)
    write_manifest(folder / "manifest.json", Manifest.model_validate(manifest))
    return folder
