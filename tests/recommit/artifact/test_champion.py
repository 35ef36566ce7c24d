"""The champion is the promoted model, and until there is one the commit's own baseline."""

from pathlib import Path

import pytest

from recommit.artifact.champion import champion


@pytest.mark.parametrize(("files", "expected"), [(["README.md"], "baseline"), (["model.onnx"], "champion")])
def test_the_baseline_stands_in_until_a_model_is_promoted(tmp_path: Path, files: list[str], expected: str) -> None:
    (tmp_path / "champion").mkdir()
    for name in files:
        (tmp_path / "champion" / name).touch()
    assert champion(tmp_path / "champion", tmp_path / "baseline") == tmp_path / expected


def test_a_folder_that_is_not_there_is_no_champion(tmp_path: Path) -> None:
    assert champion(tmp_path / "champion", tmp_path / "baseline") == tmp_path / "baseline"
