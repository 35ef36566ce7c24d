"""A try in a cell: the scores that the stages give, paired with the candidate's, and nothing written."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml

from recommit import Line
from recommit.artifact.answers import answers_in
from recommit.artifact.files import sha256_of
from recommit.catalogue import Catalogue, Feature
from recommit.evidence.files import write
from recommit.evidence.stages import Fit
from recommit.learning import judging, selection, trial
from recommit.learning.crossval import fit_folds
from recommit.learning.intervals import blocks
from recommit.learning.models import builder
from recommit.learning.splits import splitter
from recommit.learning.trial import try_model
from tests.recommit.learning.test_small_tables import LINEAR, TASKS, table

CATALOGUE = Catalogue(
    (
        *(Feature(name, "", "rows", "-", "always", "none") for name in ("load", "wind", "noise")),
        Feature("place", "", "rows", "-", "always", "none", kind="category", vocabulary=("A", "B", "C")),
    ),
    {"few": ("load",), "full": ("load", "wind", "noise", "place")},
)
SEED = 3
SPLIT = {"by": "month", "folds": 3}


def params(kind: str) -> dict[str, Any]:
    return {
        "seed": SEED,
        "as_of": "2013-10-01",
        "split": SPLIT,
        "models": {LINEAR[kind]: {}, "boosting": {"max_iter": 5, "learning_rate": 0.2}},
    }


def problem_of(kind: str) -> Any:
    about = SimpleNamespace(key="row", target="target", group="customer", instant="asked", known="answered")
    return SimpleNamespace(**vars(about), task=TASKS[kind], catalogue=CATALOGUE)


def trained(kind: str, model: str, features: str, **changes: Any) -> pd.DataFrame:
    """What the stage `train` predicts for the folds."""
    problem, names = problem_of(kind), CATALOGUE.names(features)
    train, splits = pd.read_parquet("data/features/train.parquet"), splitter(problem, SPLIT, "2013-10-01")
    setting = params(kind)["models"][model] | changes
    folds, build = splits.folds(train), builder(problem, SEED)
    _, predicted = fit_folds(
        TASKS[kind], lambda: build(model, setting, names), train, folds, names, "target", splits.columns
    )
    return predicted


def judged(kind: str, predicted: pd.DataFrame) -> Any:
    splits, task = splitter(problem_of(kind), SPLIT, "2013-10-01"), TASKS[kind]
    drawn = blocks(splits.blocks(predicted), SEED)
    return task.judge(predicted["target"], answers_in(predicted, task.parts), drawn)


@pytest.fixture(params=["binary", "number", "classes"])
def kind(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project in which a linear model on few features is the candidate; the kind of its task."""
    kind = request.param
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trial, "load_problem", lambda folder: problem_of(kind))
    for folder in ("data/features", "data/folds", "models/fits", "reports/evidence"):
        (tmp_path / folder).mkdir(parents=True)
    Path("dvc.yaml").write_text("stages: {}\n")
    Path("params.yaml").write_text(yaml.safe_dump(params(kind)))
    splits = splitter(problem_of(kind), SPLIT, "2013-10-01")
    rows = pd.concat([table(kind, 2.5, seed) for seed in (1, 2, 3)]).sort_values("asked", ignore_index=True)
    rows["row"] = [f"id{place}" for place in range(len(rows))]
    splits.test(rows).train.to_parquet("data/features/train.parquet", index=False)
    fit, predicted = f"{LINEAR[kind]}-few", trained(kind, LINEAR[kind], "few")
    predicted.to_parquet(f"data/folds/{fit}.parquet", index=False)
    about = Fit(fit, LINEAR[kind], "few", {}, sha256_of(Path("data/features/train.parquet")), 1, None)
    write(Path(f"models/fits/{fit}.json"), about)
    rows, answers = selection.predictions_of(TASKS[kind], Path("data/folds"), [fit])
    ranking = selection.choose(TASKS[kind], rows["target"], splits.blocks(rows), answers, SEED)
    write(Path("reports/evidence/selection.json"), selection.as_evidence(TASKS[kind], ranking, rows, {}, None))
    return str(kind)


def files() -> dict[str, str]:
    return {str(file): hashlib.md5(file.read_bytes()).hexdigest() for file in Path().rglob("*") if file.is_file()}


def test_a_try_scores_as_the_stage_does_and_pairs_with_the_candidate(kind: str) -> None:
    tried, candidate = (
        judged(kind, trained(kind, "boosting", "full", max_iter=9)),
        judged(kind, trained(kind, LINEAR[kind], "few")),
    )
    expected = judging.as_table(
        {
            "boosting on full (max_iter=9)": tried,
            f"the candidate: {LINEAR[kind]}-few": candidate,
            "better by": judging.differences(tried, candidate),
        }
    )
    pd.testing.assert_frame_equal(try_model("boosting", features="full", max_iter=9), expected.T)


def test_a_try_writes_nothing(kind: str) -> None:
    before = files()
    try_model("boosting", features="full")
    try_model("boosting", sample=50)
    assert files() == before


def test_the_candidate_tried_again_is_as_good_as_itself(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    for sample in (None, 60):
        found = try_model(LINEAR[kind], sample=sample)
        assert set(found["better by"]) == {"0.000 [0.000, 0.000]"}
    whole, few, how = capsys.readouterr().out.split("These rows cannot tell it from the candidate")
    assert "fitted on all " in whole
    assert few.startswith(".\n")
    assert "fitted on 60 of the " in few
    assert "the candidate too; sample=None takes all" in few
    assert how == ", both fitted on 60 rows.\n"


def test_few_rows_decide_nothing(
    kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "LEAST_ROWS", 10_000)
    try_model(LINEAR[kind], features="full")
    said = capsys.readouterr().out
    assert "Fewer than 10000 rows" in said
    assert "It is better" not in said


def test_a_surely_better_model_is_said_to_be(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The candidate has one of the two columns on which the target leans."""
    try_model(LINEAR[kind], features="full")
    assert "It is better than the candidate.\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"model": "bosting"}, "no model 'bosting'; there are baseline"),
        ({"model": "boosting", "features": "al"}, "no feature set 'al'; there are few, full"),
        ({"model": "boosting", "max_itr": 3}, "unexpected keyword argument 'max_itr'"),
        ({"model": "boosting", "max_iter": "a"}, "The 'max_iter' parameter of HistGradientBoosting"),
        ({"model": "boosting", "sample": 0}, "sample is 0: take a number of rows, or None for all"),
    ],
)
def test_a_wrong_word_is_one_line(kind: str, asked: dict[str, Any], said: str) -> None:
    with pytest.raises(Line) as refused:
        try_model(**asked)
    (line,) = refused.value._render_traceback_()
    assert said in line
    assert "\n" not in line


def test_what_the_pipeline_has_not_made_is_named_with_the_command(kind: str) -> None:
    Path("reports/evidence/selection.json").unlink()
    with pytest.raises(Line, match=r"selection.json is not here: `recommit repro select` in a terminal makes it"):
        try_model("boosting")


def test_a_candidate_of_other_rows_is_not_compared(kind: str) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(params(kind) | {"split": {"by": "month", "folds": 2}}))
    with pytest.raises(Line, match=r"few.parquet is of other rows"):
        try_model("boosting")
    pd.read_parquet("data/features/train.parquet").iloc[1:].to_parquet("data/features/train.parquet")
    with pytest.raises(Line, match=r"is not what .*-few learned from"):
        try_model("boosting")
