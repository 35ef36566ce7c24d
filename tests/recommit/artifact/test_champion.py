"""The champion is the promoted model, and until there is one the commit's own baseline."""

import shutil
from pathlib import Path

import pytest

from recommit.artifact.champion import champion
from tests.recommit.artifact.conftest import say


@pytest.mark.parametrize(("files", "expected"), [(["README.md"], "baseline"), (["model.onnx"], "champion")])
def test_the_baseline_stands_in_until_a_model_is_promoted(tmp_path: Path, files: list[str], expected: str) -> None:
    (tmp_path / "champion").mkdir()
    for name in files:
        (tmp_path / "champion" / name).touch()
    assert champion(tmp_path / "champion", tmp_path / "baseline") == tmp_path / expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "champion"),
        ({"fit": "other-full"}, "champion"),
        ({"target": "minutes"}, "baseline"),
        ({"outcomes": ["late", "punctual"]}, "baseline"),
    ],
    ids=["the same", "another fit", "another target", "outcomes the other way round"],
)
def test_a_promoted_model_that_answers_another_question_is_no_champion(
    folder: Path, tmp_path: Path, change: dict[str, object], expected: str
) -> None:
    for name in ("champion", "baseline"):
        shutil.copytree(folder, tmp_path / "of" / name)

    def edit(said: dict[str, dict[str, object]]) -> None:
        (said["task"] if "outcomes" in change else said).update(change)

    say(tmp_path / "of/champion", edit)
    assert champion(tmp_path / "of/champion", tmp_path / "of/baseline") == tmp_path / "of" / expected


def test_a_folder_that_is_not_there_is_no_champion(tmp_path: Path) -> None:
    assert champion(tmp_path / "champion", tmp_path / "baseline") == tmp_path / "baseline"
