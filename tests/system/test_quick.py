"""A first report on a new table: it names what gives the target away, keeps the order of time, changes no result."""

from pathlib import Path

import pandas as pd
import pytest

from tests.recommit.template.tables import rentals
from tests.system.begun import Begun
from tests.system.test_whole import CASES, penguins


@pytest.mark.system
def test_a_quick_look_at_a_new_table_names_the_sum_keeps_the_order_of_time_and_changes_no_result(
    programs: Path, tmp_path: Path
) -> None:
    pd.DataFrame(rentals(24 * 150)).to_csv(tmp_path / "rentals.csv", index=False)
    flags = ["--data", str(tmp_path / "rentals.csv"), "--target", "cnt", "--time", "at", "--yes"]
    Begun(tmp_path, programs).run("recommit", "new", str(tmp_path / "bikes"), *flags)
    project = Begun(tmp_path / "bikes", programs)
    before = files(project)
    said = project.run("recommit", "quick").stdout
    for column in ("casual", "registered"):
        [line] = [line for line in said.splitlines() if line.startswith(f"  {column}: ")]
        assert line.endswith("; in no feature"), line
    assert "registered + casual tells cnt" in said
    assert "The order of time, by at, is kept: fits on what was known before predicted " in said
    for fit in ("baseline-full", "linear-full", "boosting-full"):
        [line] = [line for line in said.splitlines() if line.startswith(fit)]
        assert line.count("[") == 3, line
    assert "whether these are known when the prediction is asked for: temp, weather" in said
    assert files(project) == before
    assert project.run("git", "status", "--short").stdout == ""


@pytest.mark.system
@pytest.mark.all  # tests/recommit/quick/test_first_report.py prints it for every kind of answer
def test_a_quick_look_at_three_classes_without_a_time(programs: Path, tmp_path: Path) -> None:
    """The whole way with them: test_whole.py and test_nine.py."""
    penguins().to_csv(tmp_path / "penguins.csv", index=False)
    words = ("--data", str(tmp_path / "penguins.csv"), *CASES["penguins"].flags, "--yes")
    Begun(tmp_path, programs).run("recommit", "new", str(tmp_path / "birds"), *words)
    said = Begun(tmp_path / "birds", programs).run("recommit", "quick").stdout
    for fit in ("baseline-full", "logistic-full", "boosting-full"):
        [line] = [line for line in said.splitlines() if line.startswith(fit)]
        assert line.count("[") == 3, line


def files(project: Begun) -> dict[str, bytes]:
    """All files of the project, but for what Git and DVC ignore."""
    listed = [*project.run("git", "ls-files", "-z").stdout.split("\0"), "data/source/rentals.csv"]
    kept = {path for path in project.folder.rglob("*") if path.is_file()}
    ours = {path for path in kept if not {".git", ".dvc", "__pycache__"} & {*path.relative_to(project.folder).parts}}
    assert {path.relative_to(project.folder).as_posix() for path in ours} <= {*listed}
    return {str(path): path.read_bytes() for path in ours}
