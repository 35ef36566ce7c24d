"""Evidence comes back as it was written, and a file that is not what a stage writes is refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recommit import Refusal
from recommit.evidence.files import FOLDER, gather, kind_of, parse, plain, read, write
from recommit.evidence.numbers import Interval
from recommit.evidence.scores import SCORES
from recommit.evidence.stages import LeftOut, Schema, Test
from recommit.project.hashes import md5_of
from tests.recommit.report import samples

KNOWN = {name: content for name, content in samples.files().items() if kind_of(Path(name))}
GATE = ("schema", "quality", "leakage", "point_in_time", "selection", "parity", "test", "slices")
LEFT_OUT = ("quality", "point_in_time", "staleness")
GATE += ("staleness", "robustness")
SCHEMA = Schema(rules=3, rows={"flights": 9}, broken=0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with every kind of evidence, written from its types."""
    for name, content in KNOWN.items():
        kind = kind_of(Path(name))
        assert kind is not None
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, parse(json.dumps(content).encode(), kind, name))
    return tmp_path


@pytest.mark.parametrize("name", KNOWN)
def test_evidence_comes_back_as_it_was_written(folder: Path, name: str) -> None:
    kind = kind_of(Path(name))
    assert kind is not None
    found = read(folder / name, kind)
    content = (folder / name).read_bytes()
    write(folder / name, found)
    assert (folder / name).read_bytes() == content
    assert json.loads(content)["version"] == 1
    assert read(folder / name, kind) == found


def test_numbers_are_written_to_six_digits_and_intervals_to_six_decimals(tmp_path: Path) -> None:
    auc = Interval(0.12345678, -float("inf"), float("nan"))
    write(tmp_path / "metrics.json", {"rows": 1234567, "largest": 4.9479912e-07, "auc": auc})
    written = (tmp_path / "metrics.json").read_text()
    assert '"largest": 4.94799e-07' in written
    assert '"value": 0.123457' in written
    assert '"rows": 1234567' in written
    assert str(Interval(**json.loads(written)["auc"])) == "0.123 [-inf, nan]"


@pytest.mark.parametrize("stage", ["quality", "staleness", "robustness"])
def test_a_stage_that_params_leaves_out_is_gathered_as_that(folder: Path, stage: str) -> None:
    (folder / FOLDER / f"{stage}.json").write_text(json.dumps({"left_out": stage, "version": 1}))
    assert getattr(gather(folder / FOLDER), stage) == LeftOut(left_out=stage)


@pytest.mark.parametrize("stage", ["schema", "leakage", "test", "parity"])
def test_evidence_that_must_be_there_cannot_say_that_it_is_left_out(folder: Path, stage: str) -> None:
    (folder / FOLDER / f"{stage}.json").write_text(json.dumps({"left_out": stage, "version": 1}))
    with pytest.raises(Refusal, match=rf"{stage}.json is not what a stage writes"):
        gather(folder / FOLDER)


FAULTS = [
    (lambda content: content.update(version=2), "has version 2, and version 1 is expected"),
    (lambda content: content.pop("version"), "has no version, and version 1 is expected"),
    (lambda content: content.pop("blocks"), "blocks is missing"),
    (lambda content: content.update(more=1), "more is not known"),
    (lambda content: content["period"].update(late_share=0.2), "period.late_share is not known"),
    (lambda content: content["period"].update(rows="9"), "period.rows is '9': input should be a valid integer"),
    (lambda content: content["period"].update(starts="2013-08-01 00:00"), "period.starts is '2013-08-01 00:00'"),
    (lambda content: content["calibration"]["gap"].pop("low"), "calibration.gap.low is missing"),
    (lambda content: content["metrics"]["candidate"].update(luck={}), "there is no such score; there are auc, "),
]


@pytest.mark.parametrize(("spoil", "said"), FAULTS)
def test_a_file_of_another_form_is_refused_by_its_name_and_field(spoil: Callable[..., Any], said: str) -> None:
    content = json.loads(json.dumps(KNOWN[f"{FOLDER}/test.json"]))
    spoil(content)
    with pytest.raises(Refusal) as raised:
        parse(json.dumps(content).encode(), Test, f"{FOLDER}/test.json")
    message = str(raised.value)
    assert message.startswith("reports/evidence/test.json ")
    assert said in message
    assert message.endswith(": `dvc repro` makes it anew")
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"yes"', b"[" * 100_000, b"\x00", b"\xff\xff"])
def test_what_is_no_evidence_at_all_is_refused(content: bytes) -> None:
    with pytest.raises(Refusal, match=r"^schema\.json is not .*: `dvc repro` makes it anew$"):
        parse(content, Schema, "schema.json")


def test_a_stage_cannot_write_another_type_than_is_declared_for_the_file(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    write(tmp_path / FOLDER / "schema.json", SCHEMA)
    with pytest.raises(TypeError, match="holds Quality, not Schema"):
        write(tmp_path / FOLDER / "quality.json", SCHEMA)
    with pytest.raises(TypeError, match="holds Schema, not dict"):
        write(tmp_path / FOLDER / "schema.json", plain(SCHEMA))


@pytest.mark.parametrize("name", [name for name in GATE if name not in LEFT_OUT])
def test_what_was_not_measured_cannot_be_judged(folder: Path, name: str) -> None:
    (folder / FOLDER / f"{name}.json").unlink()
    with pytest.raises(Refusal, match=rf"{name}\.json is missing: `dvc repro` makes it"):
        gather(folder / FOLDER)


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_stage_that_may_be_left_out_is_none_of_the_evidence(folder: Path, name: str) -> None:
    (folder / FOLDER / f"{name}.json").unlink()
    found = gather(folder / FOLDER)
    assert getattr(found, name) is None
    assert f"{name}.json" not in found.hashes


def test_the_hash_of_every_file_is_kept_also_of_those_that_the_gate_does_not_read(folder: Path) -> None:
    (folder / FOLDER / "tides").mkdir()
    (folder / FOLDER / "tides/moon.json").write_text("{}")
    found = gather(folder / FOLDER)
    assert found.hashes["tides/moon.json"] == md5_of(folder / FOLDER / "tides/moon.json")
    assert set(found.hashes) >= {f"{name}.json" for name in GATE} | {"importance.json", "features.json"}


@pytest.mark.parametrize(("score", "better", "worse"), [("auc", 0.8, 0.7), ("log_loss", 0.4, 0.5)])
def test_a_gain_is_above_0_where_the_candidate_is_better_whichever_way_the_score_points(
    score: str, better: float, worse: float
) -> None:
    assert SCORES[score].gain(better, worse) > 0 > SCORES[score].gain(worse, better)
