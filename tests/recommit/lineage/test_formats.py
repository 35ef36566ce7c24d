"""The formats of `recommit lineage`, held against what reads them: Graphviz, OpenLineage, the RO-Crate profile."""

import json
import os
import zipfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pydot
import pytest
from click.testing import CliRunner, Result

from recommit import Refusal
from recommit.lineage.crate import write_crate
from recommit.lineage.entities import METADATA
from recommit.lineage.events import events
from recommit.lineage.text import dot
from recommit.lineage.trace import trace
from recommit.verbs.lineage import command
from tests.recommit.lineage.conftest import Shop
from tests.recommit.lineage.openlineage import RUN_EVENT, as_its_classes_say

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pydot's and rdflib's own

Validate = Callable[[Path], list[str]]


def need_package(name: str) -> Any:
    """A package of the dev lock: CI has it, elsewhere the test says that it is not there."""
    return pytest.importorskip(name, reason="it is in locks/dev.txt") if not os.environ.get("CI") else __import__(name)


def run(shop: Shop, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    monkeypatch.chdir(shop.folder)
    return CliRunner().invoke(command, words)


def test_the_graph_is_one_that_graphviz_reads(shop: Shop) -> None:
    text = "\n".join(dot(trace(shop.folder, "reports/figures/folds.png")))
    [graph] = pydot.graph_from_dot_data(text)
    edges = {(edge.get_source().strip('"'), edge.get_destination().strip('"')) for edge in graph.get_edges()}
    assert ("package shop-data", "stage ingest") in edges
    assert ("data/raw/orders.parquet", "stage features") in edges
    assert ("models/fits/tree.onnx", "models/fits") in edges
    assert ("models/fits", "stage select") in edges
    assert {name for edge in edges for name in edge} <= {node.get_name().strip('"') for node in graph.get_nodes()}


def test_the_graph_of_a_row_reaches_its_model_at_another_commit(shop: Shop) -> None:
    first = shop.git("rev-parse", "--short=10", "HEAD")
    shop.promote("v1.0.0")
    shop.commit("predicted with the new champion")
    [graph] = pydot.graph_from_dot_data("\n".join(dot(trace(shop.folder, "data/predictions/upcoming.parquet:a-2"))))
    assert f'"{first}:stage select"' in {node.get_name() for node in graph.get_nodes()}


def test_a_name_with_quotes_keeps_the_graph_whole(shop: Shop) -> None:
    pipeline = (shop.folder / "dvc.yaml").read_text()
    shop.write("dvc.yaml", pipeline.replace("Choose the candidate", "'Choose the \"best\" \\ one'"))
    shop.commit()
    assert pydot.graph_from_dot_data("\n".join(dot(trace(shop.folder, "models/candidate"))))


def test_events_are_what_the_published_schema_asks_for(shop: Shop) -> None:
    told = list(events(trace(shop.folder, "reports/figures/folds.png")))
    assert [event["job"]["name"] for event in told] == ["ingest", "features", "train@mean", "train@tree", "select"]
    for event in told:
        jsonschema.validate(event, RUN_EVENT, format_checker=jsonschema.FormatChecker())
        assert event["eventTime"] == "2026-03-04T05:06:07+00:00"
    assert {"namespace": "pypi", "name": "shop-data"}.items() <= told[0]["inputs"][-1].items()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda event: event.pop("eventTime"),
        lambda event: event["run"].update(runId="train"),
        lambda event: event["job"].pop("namespace"),
        lambda event: event["outputs"][0]["facets"]["version"].pop("_producer"),
        lambda event: event.update(eventType="DONE"),
    ],
)
def test_a_spoilt_event_is_found(shop: Shop, spoil: Callable[[dict[str, Any]], Any]) -> None:
    event = next(events(trace(shop.folder, "reports/figures/folds.png")))
    spoil(event)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(event, RUN_EVENT, format_checker=jsonschema.FormatChecker())


def test_openlineages_own_classes_write_the_same_events(shop: Shop) -> None:
    need_package("openlineage.client")
    for event in events(trace(shop.folder, "reports/figures/folds.png")):
        assert as_its_classes_say(event) == event


def test_events_of_a_row_tell_of_its_model_first(shop: Shop) -> None:
    shop.promote("v1.0.0")
    shop.commit("predicted with the new champion")
    told = list(events(trace(shop.folder, "data/predictions/upcoming.parquet:a-2")))
    assert [event["job"]["name"] for event in told][-3:] == ["ingest", "features", "predict"]
    assert "select" in [event["job"]["name"] for event in told]
    assert len({event["run"]["runId"] for event in told}) == len(told)


@pytest.fixture
def validate(monkeypatch: pytest.MonkeyPatch) -> Validate:
    """What breaks a MUST of the Provenance Run Crate profile, by roc-validator; nothing is fetched."""
    need_package("rocrate_validator")
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

    def issues(crate: Path) -> list[str]:
        settings = services.ValidationSettings(
            rocrate_uri=str(crate),
            profile_identifier="provenance-run-crate",
            requirement_severity=models.Severity.REQUIRED,
            no_cache=True,
        )
        return [str(issue.message) for issue in services.validate(settings).get_issues()]

    return issues


def test_a_crate_keeps_every_must_of_the_profile(shop: Shop, tmp_path: Path, validate: Validate) -> None:
    write_crate(trace(shop.folder, "data/predictions/candidate.parquet:a-2"), tmp_path / "crate")
    assert validate(tmp_path / "crate") == []
    write_crate(trace(shop.folder, "reports/metrics/outcome.json"), tmp_path / "crate.zip")
    assert validate(tmp_path / "crate.zip") == []


SPOILT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "tool run via object": lambda by: by["#control/ingest"].pop("object"),
    "tool via workExample": lambda by: by["#step/train"].pop("workExample"),
    "FormalParameter MUST have an additionalType": lambda by: by["#parameter/seed"].pop("additionalType"),
    "workflow engine": lambda by: by["#engine-run"].pop("instrument"),
    "license": lambda by: by["./"].pop("license"),
    "does not include the Data Entity": lambda by: by["params.yaml"].update({"@id": "absent.yaml"}),
}


def test_a_spoilt_crate_is_found(shop: Shop, tmp_path: Path, validate: Validate) -> None:
    metadata = tmp_path / "crate" / METADATA
    write_crate(trace(shop.folder, "reports/figures/folds.png"), tmp_path / "crate")
    content = json.loads(metadata.read_text())
    for change in SPOILT.values():
        change({entity["@id"]: entity for entity in content["@graph"]})
    metadata.write_text(json.dumps(content))
    found = validate(tmp_path / "crate")
    for said in SPOILT:
        assert any(said in issue for issue in found), said


def test_a_crate_links_each_run_to_what_it_read_and_made(shop: Shop, tmp_path: Path) -> None:
    write_crate(trace(shop.folder, "reports/figures/folds.png"), tmp_path / "crate")
    by = {entity["@id"]: entity for entity in json.loads((tmp_path / "crate" / METADATA).read_text())["@graph"]}
    run = by["#run/train%40tree"]
    names = {by[reference["@id"]]["name"] for reference in run["object"]}
    assert names == {"notebooks/train.ipynb", "data/features/train.parquet", "seed", "models.tree"}
    assert by["#value/models.tree"]["value"] == '{"depth": 3}'
    assert {by[reference["@id"]]["name"] for reference in run["result"]} == {
        "models/fits/tree.onnx",
        "reports/metrics/train/tree.json",
    }
    [model] = (entity for entity in by.values() if entity.get("name") == "models/fits/tree.onnx")
    assert model["md5"] == shop.md5("models/fits/tree.onnx")
    assert by["pkg:pypi/shop-data@1.2"]["sha256"] == ["a" * 64, "b" * 64]
    assert {"@id": "pkg:pypi/shop-data@1.2"} in by["#run/ingest"]["object"]
    assert (by["./"]["license"], by["#dvc"]["softwareVersion"], by["#author"]["name"]) == ("MIT", "3.67.1", "Ada")


def test_a_crate_names_both_values_when_stages_saw_different_ones(shop: Shop, tmp_path: Path) -> None:
    lock = (shop.folder / "dvc.lock").read_text()
    before, train = lock.split("train@mean:")
    shop.write("dvc.lock", f"{before}train@mean:{train.replace('seed: 7', 'seed: 8')}")
    shop.git("commit", "--quiet", "--all", "--message", "by hand")
    write_crate(trace(shop.folder, "models/candidate"), tmp_path / "crate")
    by = {entity["@id"]: entity for entity in json.loads((tmp_path / "crate" / METADATA).read_text())["@graph"]}
    [seed] = (ref["@id"] for ref in by["#run/ingest"]["object"] if by[ref["@id"]]["name"] == "seed")
    [other] = (ref["@id"] for ref in by["#run/train%40tree"]["object"] if by[ref["@id"]]["name"] == "seed")
    assert (by[seed]["value"], by[other]["value"]) == ("7", "8")


def test_a_crate_holds_the_commits_files_and_not_those_edited_since(shop: Shop, tmp_path: Path) -> None:
    recorded = (shop.folder / "notebooks/train.ipynb").read_bytes()
    shop.write("notebooks/train.ipynb", "edited")
    write_crate(trace(shop.folder, "models/fits/tree.onnx"), tmp_path / "crate")
    assert (tmp_path / "crate/notebooks/train.ipynb").read_bytes() == recorded


def test_a_crate_is_the_same_bytes_again_and_never_written_over_anything(shop: Shop, tmp_path: Path) -> None:
    found = trace(shop.folder, "models/fits/tree.onnx")
    for name in ("one.zip", "two.zip"):
        write_crate(found, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as packed:
        assert METADATA in packed.namelist()
    with pytest.raises(Refusal, match="there already"):
        write_crate(found, tmp_path / "one.zip")


def test_a_crate_that_cannot_be_written_leaves_nothing(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError("no space left")

    found = trace(shop.folder, "models/fits/tree.onnx")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        write_crate(found, tmp_path / "out/crate")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command_prints_each_format(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "select: Choose the candidate" in run(shop, monkeypatch, "models/candidate").output
    as_json = json.loads(run(shop, monkeypatch, "models/candidate", "--format", "json").stdout)
    assert as_json["steps"][-1]["stage"] == "select"
    assert run(shop, monkeypatch, "models/candidate", "--format", "dot").stdout.startswith("digraph")
    lines = run(shop, monkeypatch, "models/candidate", "--format", "openlineage").stdout.splitlines()
    assert {json.loads(line)["eventType"] for line in lines} == {"COMPLETE"}
    assert run(shop, monkeypatch, "models/candidate", "--format", "rocrate", "--output", "c.zip").exit_code == 0
    assert (shop.folder / "c.zip").is_file()


def test_the_command_says_beside_every_format_that_a_tag_is_not_in_order(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.tag("shop@v1.0.0")
    for form in ("dot", "openlineage"):
        result = run(shop, monkeypatch, "shop@v1", "--format", form)
        assert result.stderr.startswith("beware: shop@v1.0.0 holds no record")
        assert "beware" not in result.stdout
    assert "\nbeware: shop@v1.0.0 holds no record" in run(shop, monkeypatch, "shop@v1").stdout


def test_the_command_refuses_what_makes_no_sense(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for words, said in (
        (["--format", "rocrate"], "say where"),
        (["--format", "openlineage", "--forward"], "what would be"),
        (["--format", "rocrate", "--output", str(shop.folder)], "there already"),
    ):
        refusal = run(shop, monkeypatch, "models/candidate", *words).exception
        assert isinstance(refusal, Refusal)
        assert said in str(refusal)
    refusal = run(shop, monkeypatch, "src/shop/sources.py", "--format", "openlineage").exception
    assert "there is no run to tell of" in str(refusal)
