"""The formats of `recommit lineage`: data, OpenLineage by its own classes, RO-Crate held against the profile."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from recommit import Refusal
from recommit.lineage.trace import trace
from recommit.verbs.lineage import command
from tests.recommit.lineage.conftest import Shop

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # rdflib's own

ROOT = Path(__file__).parents[3]
Validate = Callable[[Path], list[str]]


def run(shop: Shop, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    monkeypatch.chdir(shop.folder)
    return CliRunner().invoke(command, words)


def events(shop: Shop, thing: str) -> list[dict[str, Any]]:
    from recommit.lineage.export.openlineage import events

    return list(events(trace(shop.folder, thing)))


def crate(shop: Shop, thing: str, folder: Path) -> dict[str, dict[str, Any]]:
    """The entities of the crate written into `folder`, by their identifier."""
    from recommit.lineage.export.rocrate import METADATA, write_crate

    write_crate(trace(shop.folder, thing), folder)
    return {entity["@id"]: entity for entity in json.loads((folder / METADATA).read_text())["@graph"]}


def test_an_event_tells_of_each_run_with_what_it_read_and_made(shop: Shop) -> None:
    told = events(shop, "reports/figures/folds.png")
    assert [event["job"]["name"] for event in told] == ["ingest", "features", "train@mean", "train@tree", "select"]
    assert {event["eventTime"] for event in told} == {"2026-03-04T05:06:07+00:00"}
    assert {event["eventType"] for event in told} == {"COMPLETE"}
    assert {"namespace": "pypi", "name": "shop-data"}.items() <= told[0]["inputs"][-1].items()
    tree = next(event for event in told if event["job"]["name"] == "train@tree")
    made = {out["name"]: out["facets"]["version"]["datasetVersion"] for out in tree["outputs"]}
    assert made["models/fits/tree.onnx"] == f"md5:{shop.md5('models/fits/tree.onnx')}"
    parameters = tree["run"]["facets"]["executionParameters"]["parameters"]
    assert {"key": "models.tree", "value": '{"depth": 3}'} in parameters


def test_events_of_a_row_tell_of_its_model_first(shop: Shop) -> None:
    shop.promote("v1.0.0")
    shop.commit("predicted with the new champion")
    told = events(shop, "data/predictions/upcoming.parquet:a-2")
    assert [event["job"]["name"] for event in told][-3:] == ["ingest", "features", "predict"]
    assert "select" in [event["job"]["name"] for event in told]
    assert len({event["run"]["runId"] for event in told}) == len(told)


@pytest.fixture
def validate(monkeypatch: pytest.MonkeyPatch) -> Validate:
    """What breaks a MUST of the Process Run Crate profile, by roc-validator; nothing is fetched."""
    from rocrate_validator import models, services
    from rocrate_validator.utils import http

    context = json.loads((resources.files("rocrate") / "data" / "ro-crate.jsonld").read_text(encoding="utf-8"))
    assert context["@id"] == "https://w3id.org/ro/crate/1.1/context"

    class Answer:
        status_code = 200
        headers = {"Content-Type": "application/ld+json"}  # noqa: RUF012

        def json(self) -> Any:
            return context

    def get(self: Any, url: str, **_: Any) -> Answer:
        assert url == context["@id"], f"the validator asks for {url}"
        return Answer()

    monkeypatch.setattr(http.HttpRequester, "get", get, raising=False)

    def issues(folder: Path) -> list[str]:
        settings = services.ValidationSettings(
            rocrate_uri=str(folder),
            profile_identifier="process-run-crate",
            requirement_severity=models.Severity.REQUIRED,
            no_cache=True,
        )
        return [str(issue.message) for issue in services.validate(settings).get_issues()]

    return issues


SPOILT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "instrument": lambda by: by["#run/ingest"].pop("instrument"),
    "license": lambda by: by["./"].pop("license"),
    "does not include the Data Entity": lambda by: by["params.yaml"].update({"@id": "absent.yaml"}),
}


def test_a_crate_keeps_every_must_of_the_profile_and_a_spoilt_one_is_found(
    shop: Shop, tmp_path: Path, validate: Validate
) -> None:
    by = crate(shop, "data/predictions/candidate.parquet:a-2", tmp_path / "crate")
    assert validate(tmp_path / "crate") == []
    for change in SPOILT.values():
        change(by)
    metadata = tmp_path / "crate/ro-crate-metadata.json"
    metadata.write_text(json.dumps(json.loads(metadata.read_text()) | {"@graph": list(by.values())}))
    found = validate(tmp_path / "crate")
    for said in SPOILT:
        assert any(said in issue for issue in found), said


def test_a_crate_links_each_run_to_what_it_read_and_made(shop: Shop, tmp_path: Path) -> None:
    by = crate(shop, "reports/figures/folds.png", tmp_path / "crate")
    run = by["#run/train%40tree"]
    assert by[run["instrument"]["@id"]]["name"] == "notebooks/train.ipynb"
    names = {by[reference["@id"]]["name"] for reference in run["object"]}
    assert names == {"notebooks/train.ipynb", "data/features/train.parquet", "seed", "models.tree"}
    assert by["#value/train%40tree/models.tree"]["value"] == '{"depth": 3}'
    assert {by[reference["@id"]]["name"] for reference in run["result"]} == {
        "models/fits/tree.onnx",
        "reports/metrics/train/tree.json",
    }
    [model] = (entity for entity in by.values() if entity.get("name") == "models/fits/tree.onnx")
    assert model["md5"] == shop.md5("models/fits/tree.onnx")
    assert by["pkg:pypi/shop-data@1.2"]["sha256"] == ["a" * 64, "b" * 64]
    assert {"@id": "pkg:pypi/shop-data@1.2"} in by["#run/ingest"]["object"]
    assert (by["./"]["license"], by["#author"]["name"]) == ("MIT", "Ada")


def test_a_crate_holds_the_commits_files_and_not_those_edited_since(shop: Shop, tmp_path: Path) -> None:
    recorded = (shop.folder / "notebooks/train.ipynb").read_bytes()
    shop.write("notebooks/train.ipynb", "edited")
    crate(shop, "models/fits/tree.onnx", tmp_path / "crate")
    assert (tmp_path / "crate/notebooks/train.ipynb").read_bytes() == recorded
    assert (tmp_path / "crate/src/shop/sources.py").is_file()
    assert not (tmp_path / "crate/models").exists()


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_crate_is_the_same_bytes_again_and_never_written_over_anything(shop: Shop, tmp_path: Path) -> None:
    for name in ("one", "two"):
        crate(shop, "models/fits/tree.onnx", tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    with pytest.raises(Refusal, match="there already"):
        crate(shop, "models/fits/tree.onnx", tmp_path / "one")


def test_a_crate_that_cannot_be_written_leaves_nothing(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="no space"):
        crate(shop, "models/fits/tree.onnx", tmp_path / "out/crate")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command_prints_each_format(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "select: Choose the candidate" in run(shop, monkeypatch, "models/candidate").output
    as_json = json.loads(run(shop, monkeypatch, "models/candidate", "--format", "json").stdout)
    assert as_json["steps"][-1]["stage"] == "select"
    printed = run(shop, monkeypatch, "models/candidate", "--format", "openlineage").stdout.splitlines()
    assert {json.loads(line)["eventType"] for line in printed} == {"COMPLETE"}
    assert run(shop, monkeypatch, "models/candidate", "--format", "rocrate", "--output", "crate").exit_code == 0
    assert (shop.folder / "crate/ro-crate-metadata.json").is_file()
    assert run(shop, monkeypatch, "models/candidate", "--output", "said.txt").stdout == ""
    assert "select: Choose the candidate" in (shop.folder / "said.txt").read_text()


def test_the_command_says_beside_every_format_that_a_tag_is_not_in_order(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.tag("shop@v1.0.0")
    result = run(shop, monkeypatch, "shop@v1", "--format", "openlineage")
    assert result.stderr.startswith("warning: shop@v1.0.0 holds no record")
    assert "warning" not in result.stdout
    assert "\nwarning: shop@v1.0.0 holds no record" in run(shop, monkeypatch, "shop@v1").stdout


def test_the_command_refuses_what_makes_no_sense(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for words, said in (
        (["--format", "rocrate"], "name it"),
        (["--format", "openlineage", "--forward"], "future ones"),
        (["--format", "rocrate", "--output", str(shop.folder)], "there already"),
    ):
        refusal = run(shop, monkeypatch, "models/candidate", *words).exception
        assert isinstance(refusal, Refusal)
        assert said in str(refusal)
    refusal = run(shop, monkeypatch, "src/shop/sources.py", "--format", "openlineage").exception
    assert "there is no run to export" in str(refusal)


@pytest.mark.parametrize(("form", "package"), [("openlineage", "openlineage"), ("rocrate", "rocrate")])
def test_without_the_extra_its_formats_are_refused_and_the_others_work(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, form: str, package: str
) -> None:
    for name in [name for name in sys.modules if name.startswith((package, "recommit.lineage.export"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    refusal = run(shop, monkeypatch, "models/candidate", "--format", form, "--output", "out").exception
    assert isinstance(refusal, Refusal)
    assert "install the packages of the extra `lineage` in pyproject.toml" in str(refusal)
    assert run(shop, monkeypatch, "models/candidate").exit_code == 0


def test_the_packages_of_the_extra_are_loaded_for_its_formats_alone(shop: Shop) -> None:
    assert importlib.util.find_spec("rocrate")
    assert importlib.util.find_spec("openlineage")
    code = (
        "import sys; from pathlib import Path; from recommit.lineage.trace import trace\n"
        "from recommit.lineage.text import lines; list(lines(trace(Path('.'), 'models/candidate')))\n"
        "print([name for name in ('rocrate', 'openlineage', 'recommit.lineage.export') if name in sys.modules])"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=shop.folder, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
