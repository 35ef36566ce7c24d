"""A manifest is read as it was written, and what is wrong with one is said in a line for each error."""

import json
from pathlib import Path

import pytest

from recommit import Refusal
from recommit.artifact.manifest import read_manifest, write_manifest
from tests.recommit.artifact.conftest import say


def refusal(path: Path) -> str:
    with pytest.raises(Refusal) as caught:
        read_manifest(path)
    return str(caught.value)


def test_what_is_written_is_read_and_is_the_same_bytes_each_time(folder, tmp_path):
    manifest = read_manifest(folder / "manifest.json")
    write_manifest(tmp_path / "one.json", manifest)
    write_manifest(tmp_path / "two.json", read_manifest(tmp_path / "one.json"))
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert read_manifest(tmp_path / "two.json") == manifest
    assert [column.name for column in manifest.inputs] == ["wind", "rain", "place"]
    assert manifest.inputs[2].values == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda said: said.update(treshold=0.5), "unknown key 'treshold': take it out"),
        (lambda said: said["inputs"][1].update(units="in"), "unknown key 'inputs.1.units': take it out"),
        (lambda said: said["scores"]["auc"].update(zzz=1), "unknown key 'scores.auc.zzz': take it out"),
        (lambda said: said.pop("as_of"), "the key 'as_of' is missing"),
        (lambda said: said.update(trained_rows="600"), "'trained_rows' is '600': input should be a valid integer"),
        (
            lambda said: said["task"].update(threshold=1.5),
            "'task.binary.threshold' is 1.5: input should be less than or equal to 1",
        ),
        (lambda said: said["hashes"].update(model="../../x"), "'hashes.model' is '../../x': string should match"),
        (lambda said: said.update(name="../flights"), "'name' is '../flights': string should match"),
        (lambda said: said["inputs"][0].update(type="image"), "'inputs.0.type' is 'image': input should be"),
        (lambda said: said["inputs"][0].update(name="rain"), "two inputs are called 'rain'"),
        (
            lambda said: said["inputs"][0].update(name="golden_kind"),
            "golden_kind has a name that a model file keeps",
        ),
        (lambda said: said["inputs"][0].update(values=["a"]), "the input 'wind' is a number"),
        (lambda said: said.update(format=1, new="key"), "is of format 1, and this version reads 3"),
        (lambda said: said["prediction"].update(horizon_hours=1e7), "'prediction.horizon_hours' is 10000000.0"),
        (
            lambda said: said["prediction"].update(horizon_hours=1e-9),
            "'prediction.horizon_hours' is 1e-09: it must be 0",
        ),
        (lambda said: said["scores"]["auc"].update(low=0.9, high=0.7), "the interval 0.9 to 0.7: it must be near"),
        (lambda said: said["scores"]["auc"].update(value=0.05), "the score 0.05 has the interval 0.7 to 0.9"),
        (lambda said: said["scores"]["auc"].update(level=0.01), "'scores.auc.level' is 0.01: input should be"),
        (
            lambda said: said["task"]["conformal"].update(level=0.01),
            "'task.binary.conformal.level' is 0.01: input should be greater",
        ),
        (
            lambda said: said["task"]["conformal"].update(quantile=[0.7, 0.8, 0.9]),
            "conformal.quantile has 3 numbers for 2 outcomes",
        ),
        (lambda said: said["task"]["conformal"].update(quantile=[0.7, 1.8]), "'task.binary.conformal.quantile"),
        (lambda said: said["task"]["calibration"].update(slope=1e300), "'task.binary.calibration.slope' is 1e+300"),
        (lambda said: said["task"]["calibration"].update(intercept=-1e300), "calibration.intercept' is -1e+300: input"),
        (
            lambda said: said["task"].update(outcomes=["late", "late"]),
            "the outcomes late and late give two sets one name",
        ),
        (lambda said: said["task"].update(outcomes=["neither", "late"]), "give two sets one name: call them otherwise"),
        (lambda said: said["task"].update(outcomes=["late"]), "'task.binary.outcomes' is ['late']: list should have"),
        (
            lambda said: said["task"].update(kind="picture"),
            "'task.kind' is 'picture': allowed are 'binary', 'classes', 'number'",
        ),
        (lambda said: said["task"].pop("kind"), "the key 'task.kind' is missing"),
        (lambda said: said.update(parity=1e300), "'parity' is 1e+300: input should be less than or equal to 1"),
        (lambda said: said.update(trained_rows=10**17), "'trained_rows' is 100000000000000000: input should be less"),
        (lambda said: said.pop("format"), "is no manifest: it has no format"),
    ],
)
def test_each_error_is_said_in_one_line(folder, change, words):
    say(folder, change)
    text = refusal(folder / "manifest.json")
    assert words in text
    assert len(text.splitlines()) == 1
    assert text.startswith(str(folder / "manifest.json"))


def test_parameters_nested_too_deep_to_write_are_refused(folder):
    text = (folder / "manifest.json").read_text()
    assert '"max_iter": 10' in text
    (folder / "manifest.json").write_text(text.replace('"max_iter": 10', f'"a": {"[" * 900}{"]" * 900}'))
    assert "nested too deep" in refusal(folder / "manifest.json")


def test_two_errors_are_two_lines(folder):
    say(folder, lambda said: said.update(parity=2.0, more=1))
    assert len(refusal(folder / "manifest.json").splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is not JSON"),
        (b"{" * 100, "it is not JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b"\xff\xfe", "it is not JSON"),
        (b"[1]", "it has no format"),
        (b'{"format": 1, "format": 1}', "the key 'format' is there twice"),
        (b'{"format": ' + b"9" * 5000 + b"}", "it is not JSON"),
        (b'{"format": 3, "params": ' + b'{"a":' * 900 + b"1" + b"}" * 901, "missing"),
        (b" " * (5 * 2**20), "has 5,242,880 bytes, and at most 4,194,304 are read"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path, content, words):
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    assert words in refusal(path)


def test_no_infinity_gets_in_or_out(folder):
    say(folder, lambda said: said.update(parity=float("inf")))
    assert "it holds Infinity, which is no number" in refusal(folder / "manifest.json")


def test_what_is_missing_or_no_plain_file_is_refused(folder, tmp_path):
    assert "is missing" in refusal(tmp_path / "manifest.json")
    assert "is no plain file" in refusal(folder)
    (tmp_path / "link.json").symlink_to(folder / "manifest.json")
    assert "is a link" in refusal(tmp_path / "link.json")
    assert json.loads((folder / "manifest.json").read_text())["format"] == 3
