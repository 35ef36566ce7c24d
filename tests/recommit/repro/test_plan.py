"""What may run before DVC comes to it, and whether its inputs are those that dvc.lock records."""

import shutil
import subprocess
from pathlib import Path

import pytest

from recommit.repro.plan import inputs, leaves_files_in_place, plan, runs_ahead
from recommit.repro.side_by_side import Ran

PIPELINE = """\
stages:
  a: {cmd: recommit run a.ipynb, params: [seed], deps: [a.ipynb, raw.csv], outs: [x/a.ipynb: {persist: true}]}
  b: {cmd: recommit run b.ipynb, deps: [b.ipynb, x], outs: [y.ipynb: {persist: true}]}
  c: {cmd: recommit run c.ipynb, deps: [c.ipynb], outs: [z.ipynb]}
"""
LOCK = """\
schema: '2.0'
stages:
  a:
    cmd: recommit run a.ipynb
    deps:
    - {path: a.ipynb, md5: 0cc175b9c0f1b6a831c399e269772661}
    - {path: raw.csv, md5: 0cc175b9c0f1b6a831c399e269772661}
    params: {params.yaml: {seed: 7}}
    outs: [{path: x/a.ipynb, md5: 0cc175b9c0f1b6a831c399e269772661}]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "x").mkdir()
    for name in ("a.ipynb", "raw.csv", "x/a.ipynb"):
        (tmp_path / name).write_text("a")
    for name, text in (("dvc.yaml", PIPELINE), ("dvc.lock", LOCK), ("params.yaml", "seed: 7\n")):
        (tmp_path / name).write_text(text)
    return tmp_path


def recorded(project: Path) -> bool:
    planned = plan(project, [])
    found = inputs(project, planned.stages["a"], planned.made)
    assert found
    return found.are_recorded(planned.locked["a"])


def test_a_target_needs_the_stages_before_it(project: Path) -> None:
    assert list(plan(project, ["b"]).stages) == ["a", "b"]
    assert list(plan(project, []).stages) == ["a", "b", "c"]
    assert list(plan(project, ["x/a.ipynb"]).stages) == []


def test_the_longest_way_weighs_most(project: Path) -> None:
    assert plan(project, []).weights({"a": 1, "b": 10, "c": 4}) == {"a": 11, "b": 10, "c": 4}


def test_dvc_deletes_an_out_that_does_not_persist_so_its_stage_waits(project: Path) -> None:
    assert {name: runs_ahead(stage) for name, stage in plan(project, []).stages.items()} == {
        "a": True,
        "b": True,
        "c": False,
    }


@pytest.mark.parametrize(("kind", "stays"), [("", True), ("reflink,copy", True), ("hardlink,copy", False)])
def test_results_stay_in_place_only_without_links(project: Path, kind: str, stays: bool) -> None:
    (project / ".dvc/config").write_text(f"[cache]\n type = {kind}\n" if kind else "")
    assert leaves_files_in_place(project) == stays


def test_inputs_are_recorded_until_one_changes(project: Path) -> None:
    assert recorded(project)
    (project / "raw.csv").write_text("b")
    assert not recorded(project)


def test_another_parameter_or_a_missing_out_is_not_recorded(project: Path) -> None:
    (project / "params.yaml").write_text("seed: 8\n")
    assert not recorded(project)
    (project / "params.yaml").write_text("seed: 7\n")
    (project / "x/a.ipynb").unlink()
    assert not recorded(project)


def test_a_missing_input_is_for_dvc_to_tell(project: Path) -> None:
    (project / "raw.csv").unlink()
    planned = plan(project, [])
    assert inputs(project, planned.stages["a"], planned.made) is None


def test_a_folder_that_dvc_writes_into_as_it_saves_is_not_final_before(project: Path) -> None:
    planned = plan(project, [])
    assert planned.dvc_writes_into_deps_of(planned.stages["b"])
    (project / "x/.gitignore").write_text("/a.ipynb\n")
    assert not planned.dvc_writes_into_deps_of(planned.stages["b"])


@pytest.mark.parametrize("git", [True, False], ids=["ignored by the project's .gitignore", "without Git"])
def test_a_folder_that_dvc_has_nothing_to_write_into_is_final_at_once(project: Path, git: bool) -> None:
    if git:
        (project / ".gitignore").write_text("/x/*.ipynb\n")
    else:
        shutil.rmtree(project / ".git")
    planned = plan(project, [])
    assert not planned.dvc_writes_into_deps_of(planned.stages["b"])


def test_a_run_ahead_stands_only_while_inputs_and_outs_are_what_they_were(project: Path) -> None:
    planned = plan(project, [])
    stage = planned.stages["a"]
    on = inputs(project, stage, planned.made)
    out = project / "x/a.ipynb"
    ran = Ran(0, "", on, {"x/a.ipynb": (out.stat().st_mtime_ns, 1)})
    assert ran.outdated_by() == []
    out.write_text("by hand")
    assert ran.outdated_by() == ["x/a.ipynb"]
    out.write_text("a")
    ran = Ran(0, "", on, {"x/a.ipynb": (out.stat().st_mtime_ns, 1)})
    (project / "params.yaml").write_text("seed: 8\n")
    assert ran.outdated_by() == ["params.yaml"]


def test_dvc_may_set_the_mode_of_a_stages_out_and_only_of_that(project: Path) -> None:
    """It does so as it saves one, while a stage that runs ahead reads it."""
    planned = plan(project, [])
    (project / "b.ipynb").write_text("b")
    reading = inputs(project, planned.stages["b"], planned.made)
    assert reading
    before = reading.deps.stamps
    (project / "x/a.ipynb").chmod(0o600)
    assert inputs(project, planned.stages["b"], planned.made).deps.stamps == before  # type: ignore[union-attr]
    (project / "b.ipynb").chmod(0o600)
    assert inputs(project, planned.stages["b"], planned.made).deps.stamps != before  # type: ignore[union-attr]
