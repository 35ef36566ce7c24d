"""From a thing back to raw data, forward from an input, and what nobody knows is refused."""

import hashlib
import json
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from recommit import Refusal
from recommit.lineage.text import lines
from recommit.lineage.trace import Lineage, as_json, trace
from tests.recommit.lineage.conftest import Shop


def stages(found: Lineage) -> list[str]:
    return [step.stage for step in found.steps]


def text(found: Lineage) -> str:
    return "\n".join(lines(found))


def refused(shop: Shop, thing: str, rev: str | None = None) -> str:
    with pytest.raises(Refusal) as refusal:
        trace(shop.folder, thing, rev)
    return str(refusal.value)


def test_a_figure_leads_back_to_the_package_that_the_raw_data_came_in(shop: Shop) -> None:
    found = trace(shop.folder, "reports/figures/folds.png")
    assert stages(found) == ["ingest", "features", "train@mean", "train@tree", "select"]
    assert found.thing.kind == "figure"
    [package] = found.steps[0].packages
    assert (package.name, package.version, package.sha256) == ("shop-data", "1.2", ("a" * 64, "b" * 64))
    assert not any(step.packages for step in found.steps[1:])
    assert "raw     package shop-data 1.2, pinned in locks/run.txt" in text(found)


def test_each_stage_is_told_with_its_description_parameters_code_and_hashes(shop: Shop) -> None:
    said = text(trace(shop.folder, "models/fits/tree.onnx"))
    assert "train@tree: Fit one model" in said
    assert 'params  models.tree: {"depth": 3}, seed: 7' in said
    assert f"code    notebooks/train.ipynb {shop.md5('notebooks/train.ipynb')[:8]}" in said
    assert f"read    data/features/train.parquet {shop.md5('data/features/train.parquet')[:8]}" in said
    assert "train@mean" not in said


def test_a_stage_that_many_things_come_of_is_told_once(shop: Shop) -> None:
    said = text(trace(shop.folder, "reports/metrics/outcome.json")).splitlines()
    assert [line for line in said if line.startswith("ingest: ")] == ["ingest: Read the raw orders"]


def test_the_items_of_a_matrix_stage_are_told_together(shop: Shop) -> None:
    said = text(trace(shop.folder, "models/candidate"))
    assert "train@mean, tree: Fit one model" in said
    assert 'params  models.mean: {}, seed: 7, models.tree: {"depth": 3}' in said


def test_of_many_files_the_terminal_shows_some_and_json_all(shop: Shop) -> None:
    for number in range(9):
        shop.write(f"src/shop/part_{number}.py", "")
    parts = ", ".join(f"src/shop/part_{number}.py" for number in range(9))
    shop.write("dvc.yaml", (shop.folder / "dvc.yaml").read_text().replace("src/shop]", f"src/shop, {parts}]"))
    shop.commit()
    found = trace(shop.folder, "data/features/train.parquet")
    assert "notebooks/features.ipynb" in text(found)
    assert "part_8" not in text(found)
    assert "src/shop/part_8.py" in {item["path"] for item in as_json(found)["steps"][-1]["code"]}


def test_the_record_of_a_stage_that_dvc_yaml_has_no_more_is_left_out(shop: Shop) -> None:
    lock = yaml.safe_load((shop.folder / "dvc.lock").read_text())
    lock["stages"]["old"] = lock["stages"]["select"]
    shop.write("dvc.lock", yaml.safe_dump(lock, sort_keys=False))
    shop.git("commit", "--quiet", "--all", "--message", "select was called old")
    assert stages(trace(shop.folder, "models/candidate"))[-1] == "select"
    assert "old" not in stages(trace(shop.folder, "models/candidate"))


def test_stages_that_read_each_other_in_a_circle_are_refused_by_name(shop: Shop) -> None:
    lock = yaml.safe_load((shop.folder / "dvc.lock").read_text())
    lock["stages"]["ingest"]["deps"].append(lock["stages"]["select"]["outs"][0])
    shop.write("dvc.lock", yaml.safe_dump(lock, sort_keys=False))
    shop.git("commit", "--quiet", "--all", "--message", "by hand")
    assert "has a circle, ingest -> " in refused(shop, "models/candidate")


def test_a_metric_is_told_with_its_value(shop: Shop) -> None:
    found = trace(shop.folder, "reports/metrics/outcome.json:candidate.auc")
    assert (found.thing.kind, found.thing.value) == ("metric", 0.75)
    assert stages(found)[-1] == "judge"
    assert "candidate.auc = 0.75" in text(found)


def test_an_older_commit_is_read_as_it_was(shop: Shop) -> None:
    first = shop.git("rev-parse", "HEAD")
    shop.write("reports/metrics/outcome.json", json.dumps({"candidate": {"auc": 0.9}}))
    shop.commit("better")
    assert trace(shop.folder, "reports/metrics/outcome.json:candidate.auc").thing.value == 0.9
    old = trace(shop.folder, "reports/metrics/outcome.json:candidate.auc", first)
    assert (old.thing.value, old.shot.sha) == (0.75, first)


def test_a_project_inside_a_repository_is_read_from_its_own_folder(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.git("init", "--quiet", str(shop.folder.parent))
    outer = Shop(shop.folder.parent)
    (shop.folder / ".git").rename(shop.folder.parent / "old.git")
    outer.write(".gitignore", "old.git\n")
    outer.git("add", "--all")
    outer.git("commit", "--quiet", "--message", "all")
    outer.git("tag", "--annotate", "--message", "promoted", "shop=shop@v1.0.0")
    outer.git("tag", "--annotate", "--message", "promoted", "other=shop@v2.0.0")
    monkeypatch.chdir(shop.folder / "reports")
    assert trace(shop.folder, "shop@v1").thing.path == "models/candidate"
    assert "shop=shop has no version v2; registered: v1.0.0" in refused(shop, "shop@v2")
    assert stages(trace(shop.folder, "figures/folds.png"))[-1] == "select"


def test_a_file_inside_a_folder_that_a_stage_made_is_known_and_a_made_up_one_is_not(shop: Shop) -> None:
    found = trace(shop.folder, "data/raw/extra/prices.csv")
    assert stages(found) == ["ingest"]
    assert found.thing.md5 == shop.md5("data/raw/extra/prices.csv")
    assert "knows no such file" in refused(shop, "data/raw/extra/nothing.csv")


def test_without_the_list_of_a_folders_files_it_is_said_how_to_get_it(shop: Shop) -> None:
    shop.cached(shop.md5("data/raw/extra")).unlink()
    (shop.folder / "data/raw/extra/prices.csv").unlink()
    said = refused(shop, "data/raw/extra/prices.csv")
    assert "data/raw/extra is a folder whose list of files is not in DVC's cache: `dvc fetch`" in said


@pytest.mark.parametrize(
    ("thing", "near"),
    [
        ("reports/metrics/outcom.json", "reports/metrics/outcome.json"),
        ("outcome.json", "reports/metrics/outcome.json"),
        ("reports/metrics/outcome.json:candidate.aux", "auc"),
        ("params.yaml:models.tre", "tree"),
        ("data/predictions/upcoming.parquet:c-1", "keys are in order"),
        ("data/predictions/upcoming.parquet#2", "rows #0 to #1"),
        ("models/fits/tree.onnx:depth", "holds no keys"),
        ("shop@prod", "registered: none, `recommit promote`"),
    ],
)
def test_what_nobody_knows_is_refused_with_what_is_near(shop: Shop, thing: str, near: str) -> None:
    assert near in refused(shop, thing)


def test_a_commit_that_is_none_is_refused(shop: Shop) -> None:
    for rev in ("nowhere", "HEAD..HEAD"):
        assert f"{rev} names no commit" in refused(shop, "models/candidate", rev)


@pytest.mark.parametrize("number", ["#", "#abc", "#²", "#-1", "#999"])
def test_a_row_number_that_is_none_is_refused(shop: Shop, number: str) -> None:
    assert f"has rows #0 to #1, and no {number}" in refused(shop, f"data/predictions/upcoming.parquet:{number}")


@pytest.mark.parametrize(
    ("name", "content"), [("bad.yaml", "a: [1"), ("twice.yaml", "a: 1\na: 2\n"), ("deep.json", "[" * 100_000)]
)
def test_a_file_of_keys_that_cannot_be_read_is_refused(shop: Shop, name: str, content: str) -> None:
    shop.write(name, content)
    shop.commit("an odd file")
    said = refused(shop, f"{name}:a")
    assert name in said
    assert "cannot be read" in said


def test_a_commit_without_a_pipeline_is_refused(shop: Shop) -> None:
    shop.git("rm", "--quiet", "--cached", "dvc.yaml")
    shop.git("commit", "--quiet", "--message", "no pipeline")
    assert "has no dvc.yaml" in refused(shop, "models/candidate")


@pytest.mark.parametrize("left_out", ["blob:none", "tree:0"])
def test_a_commit_whose_files_a_partial_clone_has_not_is_refused(shop: Shop, tmp_path: Path, left_out: str) -> None:
    shop.git("config", "uploadpack.allowFilter", "true")
    words = ["--quiet", "--no-checkout", f"--filter={left_out}", f"file://{shop.folder}", str(tmp_path / "clone")]
    shop.git("clone", *words)
    shop.folder.rename(tmp_path / "gone")
    with pytest.raises(Refusal, match="A clone made with --filter is without it"):
        trace(tmp_path / "clone", "models/candidate")


def test_a_file_whose_contents_were_lost_is_refused_by_its_name(shop: Shop) -> None:
    lost = shop.git("rev-parse", "HEAD:notebooks/train.ipynb")
    (shop.folder / ".git/objects" / lost[:2] / lost[2:]).unlink()
    assert "Git does not have notebooks/train.ipynb here" in refused(shop, "models/candidate")


@pytest.mark.parametrize("outs", [["data/raw"], [{"md5": "0" * 32}]])
def test_a_dvc_file_that_names_no_path_is_refused_by_its_name(shop: Shop, outs: list[object]) -> None:
    shop.write("data.dvc", yaml.safe_dump({"outs": outs}))
    shop.git("add", "--force", "data.dvc")
    shop.git("commit", "--quiet", "--message", "by hand")
    assert "data.dvc: outs: expected entries" in refused(shop, "models/candidate")


def test_forward_from_a_file_tells_everything_that_would_run_again(shop: Shop) -> None:
    found = trace(shop.folder, "data/features/train.parquet", forward=True)
    assert stages(found) == ["train@mean", "train@tree", "select", "compare"]
    assert "reports/figures/folds.png" in text(found)
    assert "4 stages would run again" in text(found)


def test_forward_from_a_parameter_reaches_only_those_who_declare_it(shop: Shop) -> None:
    assert stages(trace(shop.folder, "params.yaml:models.tree.depth", forward=True))[0] == "train@tree"
    assert "train@mean" not in stages(trace(shop.folder, "params.yaml:models.tree.depth", forward=True))
    assert stages(trace(shop.folder, "params.yaml:models", forward=True))[:2] == ["train@mean", "train@tree"]
    assert "nothing would change" in text(trace(shop.folder, "params.yaml:unused", forward=True))


def test_forward_from_a_module_goes_through_the_folder_that_a_stage_declares(shop: Shop) -> None:
    found = trace(shop.folder, "src/shop/sources.py", forward=True)
    assert stages(found)[:2] == ["ingest", "features"]
    assert len(found.steps) == 8


def test_a_file_that_people_wrote_leads_to_the_commit_that_changed_it_last(shop: Shop) -> None:
    assert shop.git("rev-parse", "--short=10", "HEAD") in trace(shop.folder, "src/shop/sources.py").thing.note


def test_code_that_was_changed_after_the_run_is_told(shop: Shop) -> None:
    assert "warning" not in text(trace(shop.folder, "models/fits/tree.onnx"))
    shop.write("notebooks/train.ipynb", json.dumps({"cells": []}))
    shop.git("commit", "--quiet", "--all", "--message", "not run again")
    said = text(trace(shop.folder, "models/fits/tree.onnx"))
    assert "warning: notebooks/train.ipynb" in said
    assert "dvc.lock is older" in said


def test_an_input_that_the_commit_does_not_have_any_more_is_told(shop: Shop) -> None:
    shop.git("rm", "--quiet", "-r", "src/shop")
    shop.git("commit", "--quiet", "--all", "--message", "moved away")
    said = text(trace(shop.folder, "models/fits/tree.onnx"))
    assert "warning: src/shop: a stage read" in said
    assert "the commit has nothing" in said
    assert "/ (not in the commit)" in said


def test_an_input_that_is_not_what_its_stage_made_is_told(shop: Shop) -> None:
    lock = yaml.safe_load((shop.folder / "dvc.lock").read_text())
    lock["stages"]["features"]["outs"][0]["md5"] = "0" * 32
    shop.write("dvc.lock", yaml.safe_dump(lock, sort_keys=False))
    shop.git("commit", "--quiet", "--all", "--message", "by hand")
    assert "stage features made 00000000" in text(trace(shop.folder, "models/fits/tree.onnx"))


def test_a_folder_that_is_not_what_stages_made_in_it_is_told(shop: Shop) -> None:
    lock = yaml.safe_load((shop.folder / "dvc.lock").read_text())
    lock["stages"]["train@tree"]["outs"][0]["md5"] = "0" * 32
    shop.write("dvc.lock", yaml.safe_dump(lock, sort_keys=False))
    shop.git("commit", "--quiet", "--all", "--message", "by hand")
    assert "warning: models/fits" in text(trace(shop.folder, "models/candidate"))


def test_a_row_is_found_by_key_and_by_number_with_the_features_that_the_model_was_given(shop: Shop) -> None:
    for thing in ("data/predictions/upcoming.parquet:b-1", "data/predictions/upcoming.parquet#1"):
        row = trace(shop.folder, thing).row
        assert row is not None
        assert (row.number, row.key, row.values["probability"]) == (1, "b-1", 0.5)
        assert (row.inputs_from, row.inputs) == (
            "data/features/upcoming.parquet",
            {"order": "b-1", "amount": 3.5, "late": False},
        )


@pytest.mark.parametrize(
    ("zone", "unit", "asked"),
    [
        ("UTC", "ns", "2026-03-04T05:06:07+00:00"),
        ("UTC", "us", "2026-03-04 05:06:07"),
        ("America/New_York", "us", "2026-03-04T00:06:07-05:00"),
        ("America/New_York", "s", "2026-03-04T05:06:07Z"),
        (None, "us", "2026-03-04T05:06:07"),
        (None, "ms", "2026-03-04 05:06:07"),
    ],
)
def test_a_row_is_found_by_an_instant_in_either_tables_own_unit_and_zone(
    shop: Shop, zone: str | None, unit: str, asked: str
) -> None:
    hours = pd.to_datetime(["2026-03-04T04:06:07", "2026-03-04T05:06:07"]).tz_localize(zone and "UTC")
    given = hours.tz_convert(zone) if zone else hours
    shop.table("data/features/upcoming.parquet", hour=list(hours), amount=[2.0, 3.5])
    made = pa.table({"hour": pa.array(given, pa.timestamp(unit, zone)), "probability": [0.25, 0.5]})
    pq.write_table(made, shop.folder / "data/predictions/upcoming.parquet")
    shop.commit()
    row = trace(shop.folder, f"data/predictions/upcoming.parquet:{asked}").row
    assert row is not None
    assert (row.number, row.key_column, row.inputs and row.inputs["amount"]) == (1, "hour", 3.5)
    assert trace(shop.folder, f"data/predictions/upcoming.parquet:{row.key}").row == row
    assert "its keys are in hour" in refused(shop, "data/predictions/upcoming.parquet:2026-03-04T05:06:08")


def test_a_row_is_found_by_its_day(shop: Shop) -> None:
    days = [date(2026, 3, 4), date(2026, 3, 5)]
    shop.table("data/predictions/upcoming.parquet", day=days, probability=[0.25, 0.5])
    shop.commit()
    row = trace(shop.folder, "data/predictions/upcoming.parquet:2026-03-05").row
    assert row is not None
    assert (row.number, row.key) == (1, "2026-03-05")


def test_a_row_without_a_model_column_leads_to_the_model_that_its_stage_was_given(shop: Shop) -> None:
    found = trace(shop.folder, "data/predictions/candidate.parquet:a-2")
    assert found.model is not None
    assert stages(found.model)[-1] == "select"
    assert "models/candidate" in text(found).partition("the model that scored it:")[2]
    assert text(found).count("select: Choose the candidate") == 1


def test_a_row_leads_to_the_model_that_it_names_at_the_commit_that_made_it(shop: Shop) -> None:
    first = shop.git("rev-parse", "HEAD")
    shop.promote("v1.0.0")
    content = (shop.folder / "models/champion/model.onnx").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    shop.model("models/candidate", b"a better tree")
    shop.write("models/fits/tree.onnx", b"a better tree")
    for columns in (
        {"model_sha256": [sha256] * 2},
        {"model": ["shop"] * 2, "version": ["v1.0.0"] * 2},
        {"model": ["shop"] * 2, "version": ["v1.0.0"] * 2, "model_sha256": [sha256] * 2},
        {"model": ["shop"] * 2, "version": [f"sha256:{sha256[:10]}"] * 2, "model_sha256": [sha256] * 2},
    ):
        shop.table("data/predictions/upcoming.parquet", order=["a-2", "b-1"], probability=[0.2, 0.4], **columns)
        shop.commit("predicted")
        found = trace(shop.folder, "data/predictions/upcoming.parquet:a-2")
        assert found.model is not None, columns
        assert found.model.shot.sha == first, columns
        assert stages(found.model)[-1] == "select", columns


def test_a_row_whose_version_and_hash_contradict_each_other_is_refused(shop: Shop) -> None:
    shop.promote("v1.0.0")
    names = {"model": ["shop"], "version": ["v1.0.0"], "model_sha256": ["0" * 64]}
    shop.table("data/predictions/upcoming.parquet", order=["a-2"], probability=[0.2], **names)
    shop.commit("predicted")
    assert "the row names the model 000000000000 (shop@v1.0.0), and the tag of that version records another" in refused(
        shop, "data/predictions/upcoming.parquet:a-2"
    )


def test_a_row_that_names_a_model_nobody_has_is_refused(shop: Shop) -> None:
    shop.table("data/predictions/upcoming.parquet", order=["a-2"], probability=[0.2], model_sha256=["0123456789abcdef"])
    shop.commit("predicted")
    assert "the row names the model 0123456789ab" in refused(shop, "data/predictions/upcoming.parquet:a-2")


def test_a_table_that_no_stage_made_is_read_for_the_model_that_its_rows_name(shop: Shop) -> None:
    content = (shop.folder / "models/candidate/model.onnx").read_bytes()
    shop.write("data/scored.csv", f"order,probability,model_sha256\nz-9,0.5,{hashlib.sha256(content).hexdigest()}\n")
    found = trace(shop.folder, "data/scored.csv:z-9")
    assert found.model is not None
    assert "select" in stages(found.model)


def test_a_row_of_a_table_that_is_not_here_is_refused(shop: Shop) -> None:
    shop.cached(shop.md5("data/predictions/upcoming.parquet")).unlink()
    (shop.folder / "data/predictions/upcoming.parquet").unlink()
    assert "`dvc fetch`, at that commit" in refused(shop, "data/predictions/upcoming.parquet:a-2")


def test_the_same_commit_gives_the_same_json_in_a_clone(shop: Shop, tmp_path: Path) -> None:
    shop.promote("v1.0.0")
    shop.commit()
    shop.git("clone", "--quiet", str(shop.folder), str(tmp_path / "clone"))
    here, there = (
        json.dumps(as_json(trace(folder, "data/predictions/upcoming.parquet")), indent=1)
        for folder in (shop.folder, tmp_path / "clone")
    )
    assert here == there
    assert json.loads(here)["commit"]["date"] == "2026-03-04T05:06:07+00:00"
