"""The clock is moved on: what a turn does, commits and leaves, and what it refuses to begin on."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from recommit import Refusal
from recommit.advance.dry_run import steps
from recommit.advance.page import lines, page
from recommit.advance.publish import publishing
from recommit.advance.record import read_turn
from recommit.advance.run import advance
from recommit.advance.turn import GIVE_UP
from recommit.project.files import alone
from recommit.registry.history import read_registry
from recommit.verbs.advance import command
from tests.recommit.advance.world import Parcels, moved

ROOT = Path(__file__).parents[3]


def test_a_turn_promotes_predicts_with_the_new_champion_and_says_so(project: Parcels) -> None:
    before = pd.read_parquet(project.folder / "data/predictions/upcoming.parquet")
    (turn,) = moved(project)
    assert (turn.outcome, turn.promoted_as, turn.replaced, turn.clock) == ("promoted", "v1.0.0", None, "2013-10-01")
    messages = [message for message, _ in project.history()]
    assert messages[1].startswith("advance: the clock is 2013-10-01: ")
    assert messages[2:] == [
        "champion: toy v1.0.0 is prod",
        "advance: v1.0.0 is the champion from 2013-10-01 on",
    ]
    assert project.git("status", "--porcelain") == ""
    assert project.git("diff", "HEAD~3", "--numstat", "--", "params.yaml").split()[:2] == ["1", "1"]
    assert "as_of: '2013-10-01'  # the clock, UTC" in (project.folder / "params.yaml").read_text()
    log = pd.read_parquet(project.folder / "data/log/predictions/2013-09-01.parquet")
    pd.testing.assert_frame_equal(log, before[before["leaves"] < "2013-10-01"].reset_index(drop=True))
    now = pd.read_parquet(project.folder / "data/predictions/upcoming.parquet")
    assert turn.ahead == len(now)
    assert set(now["model_sha256"]) != set(before["model_sha256"])
    assert not (project.folder / "data/log/README.md").exists()
    assert read_turn(project.folder, "2013-10-01") == turn
    assert (project.folder / "reports/advance/2013-10-01.md").read_text() == page(turn)
    assert "**Promoted:**" in page(turn)
    assert "as v1.0.0" in page(turn)
    assert not (project.folder / ".recommit/advance.json").exists()


def test_what_had_been_said_is_held_against_what_came(project: Parcels) -> None:
    (turn,) = moved(project)
    assert turn.passed
    assert turn.passed.candidate
    assert turn.passed.better_by
    rows = pd.read_csv(project.folder / "data/source/parcels.csv", parse_dates=["leaves", "known_at"])
    known = rows[(rows["leaves"] >= "2013-09-01") & (rows["known_at"] < "2013-10-01")]
    assert turn.passed.champion.rows == len(known), "of the last ones nobody knows yet whether they were late"
    losses = [said.scores["log_loss"].value for said in (turn.passed.champion, turn.passed.candidate)]
    assert turn.passed.better_by.value == pytest.approx(losses[0] - losses[1], abs=1e-5)


def test_a_refused_candidate_leaves_the_champion_says_why_and_counts(project: Parcels) -> None:
    promoted, refused = moved(project, "2013-11-01")
    assert (promoted.outcome, refused.outcome) == ("promoted", "refused")
    assert refused.reasons[0].startswith("the gate says no, rule not_worse_than_champion")
    assert read_registry(project.folder).line("prod") == ["v1.0.0"]
    last = project.history()[-1][0]
    assert last.startswith("advance: the clock is 2013-11-01: ")
    assert "is refused" in last
    assert "the gate says no" in last
    assert "counts as a look" in page(refused)
    assert refused.reasons[0] in page(refused)
    assert any("refused" in line for line in lines(refused))
    log = project.folder / "data/log"
    names = sorted(path.relative_to(log).as_posix() for path in log.rglob("*.parquet"))
    assert names == [
        f"{who}/{period}.parquet" for who in ("candidate", "predictions") for period in ("2013-09-01", "2013-10-01")
    ]
    said = "\n".join(publishing(project.folder, (promoted, refused)))
    assert "dvc push --all-tags\n  git push --atomic origin HEAD refs/tags/toy@v1.0.0 refs/tags/toy#prod#1" in said


def test_new_data_is_recorded_and_committed(project: Parcels) -> None:
    table = project.folder / "data/source/parcels.csv"
    table.write_text(table.read_text().replace("True", "False", 1))
    (turn,) = moved(project)
    assert list(turn.data) == ["data/source/parcels.csv"]
    assert turn.data["data/source/parcels.csv"] in project.git("show", "HEAD:data/source/parcels.csv.dvc")
    assert "New data: `data/source/parcels.csv`" in page(turn)


def test_with_no_rows_to_come_the_last_turn_judges_and_predicts_nothing(project: Parcels) -> None:
    table = project.folder / "data/source/parcels.csv"
    rows = pd.read_csv(table, parse_dates=["leaves"])
    rows[rows["leaves"] < "2013-10-01"].to_csv(table, index=False)
    first, second = moved(project, "2013-11-01")
    assert first.ahead == 0
    assert first.passed
    assert "No rows are to come" in page(first)
    assert second.passed is None
    assert "Nothing had been predicted" in page(second)
    assert [path.name for path in (project.folder / "data/log/predictions").iterdir()] == ["2013-09-01.parquet"]


def test_a_second_one_at_once_is_refused(project: Parcels) -> None:
    with (
        alone(project.folder, "advance", "`recommit advance`"),
        pytest.raises(Refusal, match="`recommit advance` is being run already"),
    ):
        moved(project)


@pytest.mark.parametrize(
    ("name", "content"),
    [("notes.txt", "mine"), ("features.py", "changed"), ("params.yaml", "seed: 8\nas_of: '2013-09-01'\n")],
)
def test_a_file_of_the_user_is_refused_by_name(project: Parcels, name: str, content: str) -> None:
    text = (project.folder / name).read_text() if (project.folder / name).exists() else ""
    (project.folder / name).write_text(content if name != "params.yaml" else text.replace("seed: 7", "seed: 8"))
    before = project.state()
    with pytest.raises(Refusal, match=re.escape(name)):
        moved(project)
    assert project.state() == before


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("2013-10-15", "the clock moves from month to month: the nearest dates are 2013-10-01 and 2013-11-01"),
        ("2013-08-01", "the clock is at 2013-09-01 already, and moves on only"),
        ("October", "expected a date like 2013-10-01"),
        ("2913-10-01", "2913-10-01 is still to come"),
    ],
)
def test_a_date_that_cannot_be_is_refused(project: Parcels, to: str, said: str) -> None:
    before = project.state()
    with pytest.raises(Refusal, match=re.escape(said)):
        moved(project, to)
    assert project.state() == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("as_of: '2013-09-01'", "as_of:", "there is no clock to move on"),
        ("by: month", "by: hash", "split.by is 'hash', so no period ends at a known date"),
        ("by: month", "by: 500", "split.by is 500"),
        ("'2013-09-01'", "'2013-09-02'", "as_of must be the first of a month"),
    ],
)
def test_a_project_without_periods_is_refused(project: Parcels, old: str, new: str, said: str) -> None:
    file = project.folder / "params.yaml"
    file.write_text(file.read_text().replace(old, new))
    project.commit()
    with pytest.raises(Refusal, match=re.escape(said)):
        moved(project)


def test_at_the_goal_there_is_nothing_to_do(project: Parcels) -> None:
    assert moved(project, "2013-09-01") == ()
    assert list(publishing(project.folder, ())) == ["the clock is there already: nothing to do"]


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "index"}


def test_a_dry_run_says_each_step_and_changes_nothing(project: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(project.folder)
    monkeypatch.chdir(project.folder)
    said = CliRunner().invoke(command, ["--dry-run", "--to", "2013-11-01"], catch_exceptions=False).output
    assert everything(project.folder) == before
    for step in (
        "2013-09-01 to 2013-10-01:",
        "2013-10-01 to 2013-11-01:",
        "records the data of data/source/parcels.csv.dvc",
        "runs 1 of 1 stages: all",
        "not known before: what new data holds, whether a stage fails on it, and what the gate says",
    ):
        assert step in said
    as_json = CliRunner().invoke(command, ["--dry-run", "--json"], catch_exceptions=False).output
    assert json.loads(as_json) == list(steps(project.folder, None))


def test_a_stage_that_fails_commits_nothing_and_the_same_command_goes_on(project: Parcels) -> None:
    before = project.history()
    with pytest.raises(Refusal, match="the pipeline failed with the clock at 2013-10-01") as refusal:
        advance(project.folder, None, lambda: 1, lambda line: None)
    assert refusal.value.status == 1
    assert project.history() == before
    (project.folder / "features.py").write_text((project.folder / "features.py").read_text() + "\n")
    with pytest.raises(Refusal, match=r"features\.py: not committed"):
        moved(project)
    project.git("commit", "--quiet", "-m", "mended", "--", "features.py")
    assert moved(project)[0].outcome == "promoted"


@pytest.mark.parametrize("turns", [0, 1])
def test_an_advance_that_is_given_up_leaves_the_last_commit_with_its_results(project: Parcels, turns: int) -> None:
    for _ in range(turns):
        moved(project)

    def contents() -> dict[str, bytes]:
        tops = [project.folder / name for name in ("data", "models", "reports")]
        files = (path for top in tops for path in top.rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in files}

    def fails() -> int:
        project.results()
        return 1

    before = contents()
    with pytest.raises(Refusal) as refusal:
        advance(project.folder, None, fails, lambda line: None)
    assert contents() != before
    assert GIVE_UP in str(refusal.value)
    assert GIVE_UP in (ROOT / "docs/advance.md").read_text()
    project.run("sh", "-c", GIVE_UP)
    assert project.git("status", "--porcelain", "--untracked-files=all") == ""
    assert contents() == before
    assert moved(project)[0].clock == ("2013-10-01", "2013-11-01")[turns]


def test_predictions_of_an_earlier_champion_are_not_logged_as_the_champions(project: Parcels) -> None:
    moved(project)
    rollback_like = project.folder / "models/champion.dvc"
    project.git("revert", "--no-edit", "HEAD~1")
    assert not rollback_like.exists()
    with pytest.raises(Refusal, match="is not of its champion: `recommit repro`, and commit that first"):
        moved(project)


def test_a_log_that_is_not_on_this_machine_is_fetched_and_not_begun_anew(project: Parcels) -> None:
    moved(project)
    shutil.rmtree(project.folder / "data/log")
    moved(project)
    names = sorted(path.name for path in (project.folder / "data/log/predictions").iterdir())
    assert names == ["2013-09-01.parquet", "2013-10-01.parquet"]
