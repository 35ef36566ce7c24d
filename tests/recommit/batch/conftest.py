"""A model, its history and tables to score, made once."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from recommit.batch.predict import Request, Summary, predict
from recommit.batch.scorer import Scorer, load_scorer
from recommit.problem import Problem
from tests.recommit.batch import world


@pytest.fixture(scope="session", params=["boosting", "logistic"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model, of either kind in turn."""
    return world.write_model(tmp_path_factory.mktemp("models") / request.param, request.param)


@pytest.fixture(scope="session")
def scorer(folder: Path) -> Scorer:
    return load_scorer(folder, "v1.0.0")


@pytest.fixture(scope="session")
def boosting(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """One model, where its kind does not matter."""
    return load_scorer(world.write_model(tmp_path_factory.mktemp("one"), "boosting"), "v1.0.0")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    to = tmp_path / "history"
    to.mkdir()
    world.history()["delays"].to_parquet(to / "delays.parquet", index=False)
    return to


Scored = Callable[..., tuple[Path, Summary]]


@pytest.fixture
def score(tmp_path: Path, history: Path) -> Scored:
    """Scores a table, given as one or as the text of a CSV file; returns where its predictions are, and the summary."""

    def run(
        scorer: Scorer,
        rows: pd.DataFrame | str,
        suffix: str = "parquet",
        group: int | None = None,
        output: str = "out.parquet",
        problem: Problem | None = None,
        **options: object,
    ) -> tuple[Path, Summary]:
        table = tmp_path / f"rows.{suffix}"
        if isinstance(rows, str):
            table.write_text(rows)
        elif suffix == "csv":
            rows.to_csv(table, index=False)
        else:
            rows.to_parquet(table, index=False, row_group_size=group)
        to = tmp_path / output
        options = {"workers": 1, "history": history} | options
        return to, predict(problem or world.PROBLEM, scorer, Request(table, to, **options))  # type: ignore[arg-type]

    return run
