"""A stage whose declared inputs were seen before is restored, whole and checked by hash, or it is run."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recommit.notebook.reuse import Earlier, earlier
from recommit.project.hashes import md5_of
from recommit.project.pipeline import Stage
from tests.recommit.notebook.conftest import WORK, TinyProject

STAGE = Stage(
    name="fit@tree",
    cmd="recommit run notebooks/fit.ipynb",
    deps=("data/raw.csv", "src"),
    outs=("reports/fit.ipynb", "models/tree.txt", "models/parts", "reports/metrics.json"),
    uncached=frozenset({"reports/metrics.json"}),
)
VALUES = {"seed": 7, "model": "tree"}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


INPUTS = {
    "notebooks/fit.ipynb": "{}",
    "data/raw.csv": "1",
    "src/a.py": "a = 1",
    "src/b.py": "b = 1",
    ".dvcignore": "*.log",
}
RESULTS = {
    "reports/fit.ipynb": "shown",
    "reports/fit.log": "cell 1 of 1: 0.1 s\n",
    "models/tree.txt": "fitted",
    "models/parts/a.txt": "a",
    "models/parts/deep/b.txt": "b",
    "reports/metrics.json": "{}",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, INPUTS)
    (tmp_path / ".dvc").mkdir()
    return tmp_path


def known(project: Path, stage: Stage = STAGE, values: dict[str, Any] = VALUES) -> Earlier:
    found = earlier(project, stage, values)
    assert found
    return found


def cached(project: Path, *names: str) -> None:
    """Put files where DVC's commit puts them, after the stage's command."""
    for name in names:
        md5 = md5_of(project / name)
        place = project / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project / name, place)


CACHED = ("reports/fit.ipynb", "models/tree.txt", "models/parts/a.txt", "models/parts/deep/b.txt")


def run_once(project: Path) -> None:
    """The stage wrote its outs, `recommit run` kept them, DVC cached those that it caches; then they are taken away."""
    write(project, RESULTS)
    (project / "models/tree.txt").chmod(0o755)
    assert known(project).keep() == ""
    cached(project, *CACHED)
    for name in ("models", "reports"):
        shutil.rmtree(project / name)


def test_every_file_comes_back_as_it_was_written(project: Path) -> None:
    run_once(project)
    again = known(project)
    assert again.fetch()
    assert not (project / "models").exists()  # laid out beside, until all of it is there
    again.put()
    assert {name: (project / name).read_text() for name in RESULTS} == RESULTS
    assert (project / "models/tree.txt").stat().st_mode & 0o777 == 0o755
    assert (project / "models/parts/a.txt").stat().st_mode & 0o222  # no link into the cache, which would be written to
    assert not list((project / ".recommit/restored").iterdir())


@pytest.mark.parametrize(
    "change",
    [
        {"data/raw.csv": "2"},
        {"src/a.py": "a = 2"},
        {"src/c.py": ""},
        {"src/deep/a.py": "a = 1"},
        {"notebooks/fit.ipynb": "{ }"},
    ],
)
def test_another_input_is_another_run(project: Path, change: dict[str, str]) -> None:
    run_once(project)
    write(project, change)
    assert not known(project).fetch()


def test_what_a_deeper_dvcignore_takes_in_again_is_an_input(project: Path) -> None:
    write(project, {".dvcignore": "*.log\n", "src/.dvcignore": "!deep/kept.log\n", "src/deep/kept.log": "1"})
    run_once(project)
    write(project, {"src/deep/other.log": "noise"})
    assert known(project).fetch()
    write(project, {"src/deep/kept.log": "2"})
    assert not known(project).fetch()


def test_what_dvc_ignores_is_no_input(project: Path) -> None:
    run_once(project)
    write(project, {"src/a.log": "noise"})
    assert known(project).fetch()


@pytest.mark.parametrize(
    "values",
    [
        {"seed": 8, "model": "tree"},
        {"seed": 7.0, "model": "tree"},
        {"seed": "7", "model": "tree"},
        {"seed": True, "model": "tree"},
        {"seed": 7, "model": "line"},
        {"seed": 7},
        {"model": "tree", "seed": 7},  # the executed notebook shows them in their order
    ],
)
def test_another_value_is_another_run(project: Path, values: dict[str, Any]) -> None:
    run_once(project)
    assert not known(project, values=values).fetch()


@pytest.mark.parametrize(
    "stage",
    [
        replace(STAGE, cmd="recommit run ./notebooks/fit.ipynb"),
        replace(STAGE, deps=("data/raw.csv",)),
        replace(STAGE, outs=STAGE.outs[:3]),
        replace(STAGE, outs=(*STAGE.outs, "models/more.txt")),
        replace(STAGE, outs=(*STAGE.outs[:1], "models/bush.txt", *STAGE.outs[2:])),
    ],
)
def test_another_declaration_is_another_run(project: Path, stage: Stage) -> None:
    run_once(project)
    assert not known(project, stage).fetch()


def test_a_stage_that_is_named_otherwise_is_the_same_run(project: Path) -> None:
    run_once(project)
    assert known(project, replace(STAGE, name="train@tree")).fetch()


def test_nothing_is_known_of_a_stage_that_cannot_be_told_by_its_inputs(project: Path) -> None:
    assert earlier(project, replace(STAGE, always_changed=True), VALUES) is None
    assert earlier(project, replace(STAGE, deps=("data/gone.csv",)), VALUES) is None
    shutil.rmtree(project / ".dvc")  # as in the sandbox of a proof
    assert earlier(project, STAGE, VALUES) is None


def entry(project: Path) -> Path:
    [found] = (project / ".dvc/cache/recommit/runs").glob("*/*.json")
    found.chmod(0o644)
    return found


def store(project: Path, name: str) -> Path:
    """Where a file's contents are kept."""
    text = RESULTS[name]
    write(project, {"probe": text})
    md5 = md5_of(project / "probe")
    own, dvcs = (project / ".dvc/cache" / kind / md5[:2] / md5[2:] for kind in ("recommit/files", "files/md5"))
    found = own if own.exists() else dvcs
    found.chmod(0o644)
    return found


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("fault", ["gone", "altered", "cut"])
def test_a_stage_of_which_one_file_is_gone_or_altered_is_run(project: Path, name: str, fault: str) -> None:
    run_once(project)
    write(project, {"models/tree.txt": "the earlier one"})
    place = store(project, name)
    place.write_text({"gone": "", "altered": RESULTS[name].upper() + "x", "cut": RESULTS[name][:-1]}[fault])
    if fault == "gone":
        place.unlink()
    assert not known(project).fetch()
    assert (project / "models/tree.txt").read_text() == "the earlier one"
    assert not (project / ".recommit/restored" / STAGE.file_name).exists()
    run_once(project)  # and what it writes is kept instead
    assert known(project).fetch()


def told(**changes: Any) -> str:
    sound = {"files": {"models/tree.txt": "0" * 32}, "executable": [], "folders": []}
    return json.dumps(sound | changes)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        told(),
        told(more=1),
        told(files=[]),
        told(files={"models/tree.txt": 1}),
        told(files={"models/tree.txt": "../../../../secret"}),
        told(folders=[{}]),
    ],
)
def test_a_record_that_is_broken_is_ignored_and_written_anew(project: Path, content: str) -> None:
    run_once(project)
    entry(project).write_text(content)
    assert not known(project).fetch()
    run_once(project)
    assert known(project).fetch()


@pytest.mark.parametrize(
    "name", ["../beside.txt", "/tmp/beside.txt", "data/raw.csv", "models/parts/../../data/raw.csv"]
)
def test_a_record_writes_to_no_other_place_than_the_outs(project: Path, name: str) -> None:
    run_once(project)
    record = json.loads(entry(project).read_text())
    record["files"][name] = record["files"]["models/tree.txt"]
    entry(project).write_text(json.dumps(record))
    assert not known(project).fetch()


def test_a_run_whose_input_changed_meanwhile_is_not_kept(project: Path) -> None:
    before = known(project)
    write(project, RESULTS | {"data/raw.csv": "2"})
    assert before.keep() == ""
    assert not (project / ".dvc/cache/recommit").exists()


def test_a_run_whose_input_changed_and_kept_its_time_is_not_kept_either(project: Path) -> None:
    write(project, RESULTS)
    before = known(project)
    was = (project / "data/raw.csv").stat()
    write(project, {"data/raw.csv": "9"})
    os.utime(project / "data/raw.csv", ns=(was.st_atime_ns, was.st_mtime_ns))
    assert before.keep() == ""
    cached(project, *CACHED)
    write(project, {"data/raw.csv": "1"})
    assert not known(project).fetch()


def test_runs_that_end_at_once_leave_a_sound_record(project: Path) -> None:
    write(project, RESULTS)
    cached(project, *CACHED)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: known(project).keep(), range(40))) == {""}
    assert known(project).fetch()
    assert not list((project / ".dvc/cache/recommit").rglob(".unfinished*"))


def test_a_run_that_cannot_be_kept_says_so_and_stays(project: Path) -> None:
    write(project, RESULTS | {".dvc/cache/recommit": "a file where a folder is wanted"})
    assert "fit@tree: this run is not kept for other experiments" in known(project).keep()
    assert (project / "models/tree.txt").exists()


def test_recommit_run_restores_what_it_ran_before_and_says_so(tiny: TinyProject) -> None:
    (tiny.folder / ".dvc").mkdir()
    first = tiny.run()
    assert "cell 3 of 3" in first.stderr
    made = {name: tiny.read(name) for name in ("reports/tree.ipynb", "reports/tree.log", "models/tree.txt")}
    cached(tiny.folder, *made)

    tiny.write("params.yaml", "seed: 8\n")
    assert "cell 3 of 3" in tiny.run().stderr
    tiny.write("params.yaml", "seed: 7\n")
    again = tiny.run()
    assert again.returncode == 0
    assert again.stderr.startswith("fit@tree: restored, its declared inputs gave these results before: ")
    assert {name: tiny.read(name) for name in made} == made

    assert "cell 3 of 3" in tiny.run(RECOMMIT_FRESH="1").stderr
    fresh = tiny.command("recommit", "run", "notebooks/fit.ipynb", "--stage", "fit@tree", "--fresh")
    assert "cell 3 of 3" in fresh.stderr


@pytest.mark.parametrize(
    ("name", "new"), [("notebooks/fit.ipynb", "read_text() + ' '"), ("params.yaml", "read_text().replace('7', '8')")]
)
def test_results_whose_inputs_changed_while_they_were_made_are_refused(tiny: TinyProject, name: str, new: str) -> None:
    (tiny.folder / ".dvc").mkdir()
    assert tiny.run().returncode == 0
    made = {name: tiny.read(name) for name in ("reports/tree.ipynb", "models/tree.txt")}
    tiny.notebook(WORK, f"file = Path({name!r})\nfile.write_text(file.{new})")
    result = tiny.run()
    assert result.returncode == 1
    assert f"{name} changed while stage fit@tree ran, and dvc.lock would say" in result.stderr
    assert {name: tiny.read(name) for name in made} == made


def test_papermills_own_command_refuses_them_too(tiny: TinyProject) -> None:
    (tiny.folder / ".dvc").mkdir()
    tiny.notebook(WORK, "file = Path('params.yaml')\nfile.write_text('seed: 8')")
    result = tiny.command(
        *("papermill", "--engine", "recommit", "-p", "model", "tree", "notebooks/fit.ipynb", "by-papermill.ipynb")
    )
    assert result.returncode != 0
    assert "params.yaml changed while stage fit@tree ran" in result.stderr


def test_a_dep_that_was_written_again_as_it_was_is_no_change(tiny: TinyProject) -> None:
    (tiny.folder / ".dvc").mkdir()
    tiny.notebook(WORK, "file = Path('notebooks/fit.ipynb')\nfile.write_text(file.read_text())")
    assert tiny.run().returncode == 0


def test_a_stage_that_failed_is_run_again(tiny: TinyProject) -> None:
    (tiny.folder / ".dvc").mkdir()
    tiny.notebook(WORK, 'assert not Path("broken").exists()')
    (tiny.folder / "broken").touch()
    assert tiny.run().returncode == 1
    assert not (tiny.folder / ".dvc/cache/recommit").exists()
    (tiny.folder / "broken").unlink()
    assert "cell 4 of 4" in tiny.run().stderr
