"""Each look at the test rows is a line in the Git folder that all of a repository's worktrees and experiments share."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recommit import Refusal
from recommit.notebook.ledger import LEDGER, TEST, Look, git_folder, look_in, note, noted
from tests.recommit.notebook.conftest import ROOT, TinyProject

AUGUST = ("2013-08-01 00:00:00+00:00", "2013-09-01 00:00:00+00:00")
SEPTEMBER = ("2013-09-01 00:00:00+00:00", "2013-10-01 00:00:00+00:00")


def evidence(candidate: str, keys: str = "keys", period: tuple[str | None, str | None] = AUGUST) -> str:
    starts, ends = period
    return json.dumps({"candidate": {"md5": candidate}, "period": {"starts": starts, "ends": ends, "keys": keys}})


def judge(folder: Path, candidate: str) -> None:
    (folder / TEST).parent.mkdir(parents=True, exist_ok=True)
    (folder / TEST).write_text(evidence(candidate))
    note(folder, [TEST])


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "first")
    return folder


def candidates(project: Path) -> list[str]:
    return [look.candidate for look in noted(project / ".git")]


def test_every_look_is_a_line_and_an_earlier_one_stays(project: Path) -> None:
    for candidate in ("one", "two", "one"):
        judge(project, candidate)
    assert candidates(project) == ["one", "two", "one"]
    assert noted(project / ".git")[0] == Look("one", "keys", *AUGUST)


def test_a_stage_that_does_not_judge_takes_no_look(project: Path) -> None:
    judge(project, "one")
    note(project, ["reports/evidence/quality.json"])
    assert candidates(project) == ["one"]


def test_worktrees_folders_below_and_temporary_experiments_share_one_ledger(project: Path, tmp_path: Path) -> None:
    git(project, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    below = project / "models" / "flights"
    experiments = [
        tree / ".dvc/tmp/exps" / name
        for tree in (project, tmp_path / "tree", below)
        for name in ("tmpx1", "standalone/x2")
    ]
    for folder in experiments:  # each has a repository of its own, which DVC deletes
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet")
        (folder / "inner").mkdir()
    places = [project, tmp_path / "tree", below, *experiments, experiments[0] / "inner"]
    for place in places:
        judge(place, place.name)
    assert candidates(project) == [place.name for place in places]


def test_outside_git_nothing_is_noted(tmp_path: Path) -> None:
    assert git_folder(tmp_path) is None
    judge(tmp_path, "one")
    assert not list(tmp_path.rglob(LEDGER))


def test_many_at_once_lose_no_line(project: Path) -> None:
    code = "import sys; from pathlib import Path; from recommit.notebook.ledger import _append\n"
    code += 'for one in range(200): _append(Path(sys.argv[1]), b\'{"candidate": "%d"}\' % one)'
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    words = [sys.executable, "-c", code, str(project / ".git" / LEDGER)]
    running = [subprocess.Popen(words, env=environment) for _ in range(4)]
    assert [process.wait(timeout=60) for process in running] == [0] * 4
    assert sorted(candidates(project)) == sorted(4 * [str(one) for one in range(200)])


def test_a_line_that_was_cut_off_counts_and_spoils_no_other(project: Path) -> None:
    judge(project, "one")
    with (project / ".git" / LEDGER).open("a") as ledger:
        ledger.write('{"candidate": "tw')
    judge(project, "three")
    assert candidates(project) == ["one", f"line 2 of {LEDGER}", "three"]
    assert all(look.shares_rows(Look("one", "keys", *AUGUST)) for look in noted(project / ".git"))


def test_a_look_that_cannot_be_noted_is_refused(project: Path) -> None:
    (project / ".git" / LEDGER).mkdir()
    with pytest.raises(Refusal, match=f"{LEDGER} cannot be written"):
        judge(project, "one")


def test_a_judgement_on_rows_without_a_time_is_a_look_at_rows_of_the_one_table(project: Path) -> None:
    look = look_in(evidence("one", "drawn", (None, None)).encode())
    assert look == Look("one", "drawn")
    assert look.shares_rows(Look("two", "drawn otherwise"))
    (project / TEST).parent.mkdir(parents=True)
    (project / TEST).write_text(evidence("one", "drawn", (None, None)))
    note(project, [TEST])
    assert noted(project / ".git") == [look]
    assert look_in(evidence("one", "", (None, None)).encode()) is None
    assert look_in(evidence("one", "drawn", (AUGUST[0], None)).encode()) is None


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"candidate": {"md5": "a"}, "period": {"starts": "soon", "ends": "late"}}']
)
def test_what_is_no_evidence_of_a_judgement_is_no_look(content: str) -> None:
    assert look_in(content.encode()) is None


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        (Look("b", "keys", *AUGUST), True),
        (Look("b", "a sample's", *AUGUST), True),
        (Look("b", "others", *SEPTEMBER), False),
        (Look("b", "keys"), True),
        (Look("b", "others"), False),
        (Look("b", "", "2013-08-31 00:00:00+00:00", "2013-09-30 00:00:00+00:00"), True),
        (Look("b", "", *SEPTEMBER), False),
        (Look("b"), True),
    ],
)
def test_looks_share_rows_by_keys_or_by_period_and_what_is_not_known_counts(other: Look, shared: bool) -> None:
    one = Look("a", "keys", *AUGUST)
    assert one.shares_rows(other) is other.shares_rows(one) is shared


def test_every_run_of_a_judging_stage_is_noted_computed_or_restored_and_one_that_fails_is_not(
    tiny: TinyProject,
) -> None:
    git(tiny.folder, "init", "--quiet")
    (tiny.folder / ".dvc").mkdir()
    outs = tiny.read("dvc.yaml").replace("models/${item.model}.txt", TEST)
    tiny.write("dvc.yaml", outs.replace("[tree, line]", "[tree]"))
    work = f"from pathlib import Path\nPath({TEST!r}).parent.mkdir(parents=True, exist_ok=True)\n"
    work += f"Path({TEST!r}).write_text({evidence('one')!r})\nprint(model, seed)"
    tiny.notebook(work, "1 / 0")
    assert tiny.run().returncode == 1
    assert candidates(tiny.folder) == []
    tiny.notebook(work)
    for _ in range(2):
        result = tiny.run()
        assert result.returncode == 0, result.stderr
        for made in (TEST, "reports/tree.ipynb"):  # as DVC caches what a stage wrote
            md5 = hashlib.md5((tiny.folder / made).read_bytes()).hexdigest()
            kept = tiny.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tiny.folder / made, kept)
    assert candidates(tiny.folder) == ["one", "one"]


def test_papermill_with_our_engine_takes_a_look_too(tiny: TinyProject) -> None:
    git(tiny.folder, "init", "--quiet")
    outs = tiny.read("dvc.yaml").replace("models/${item.model}.txt", TEST)
    tiny.write("dvc.yaml", outs.replace("[tree, line]", "[tree]"))
    work = f"from pathlib import Path\nPath({TEST!r}).parent.mkdir(parents=True, exist_ok=True)\n"
    tiny.notebook(work + f"Path({TEST!r}).write_text({evidence('one')!r})\nprint(model, seed)")
    result = tiny.command("papermill", "--engine", "recommit", "notebooks/fit.ipynb", "by-papermill.ipynb")
    assert result.returncode == 0, result.stderr
    assert candidates(tiny.folder) == ["one"]
