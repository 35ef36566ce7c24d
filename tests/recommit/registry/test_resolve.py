"""Names of models lead to folders with the very files that were promoted, or nowhere."""

from pathlib import Path

import pytest

from recommit import Refusal
from recommit.registry.files import collected, hashes
from recommit.registry.history import read_registry
from recommit.registry.promote import promote
from recommit.registry.resolve import resolve
from tests.recommit.registry.world import World


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("toy@prod", "three"), ("toy@v2", "two"), ("toy@v2.0.0", "two"), ("v1", "one"), ("v1.0.0", "one"),
    ],
)  # fmt: skip
def test_a_name_leads_to_a_folder_with_the_model(line: World, name: str, model: str) -> None:
    folder = resolve(line.folder, name)
    assert (folder / "model.onnx").read_text() == f"model {model}"
    (folder / "model.onnx").chmod(0o644)
    (folder / "model.onnx").write_text("tampered")
    assert (resolve(line.folder, name) / "model.onnx").read_text() == f"model {model}"


def test_a_path_leads_to_itself(line: World) -> None:
    assert resolve(line.folder, str(line.folder / "models/candidate")) == line.folder / "models/candidate"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("other@prod", "is called toy"),
        ("toy@v9", "no version v9"),
        ("toy@canary", "no version of toy has the stage canary; there are: prod"),
        ("nowhere", "no folder"),
        ("trained/..", "missing"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(
    line: World,
    name: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(line.folder)
    with pytest.raises(Refusal, match=words):
        resolve(line.folder, name)


def test_a_stage_whose_tag_was_tampered_with_leads_nowhere(line: World) -> None:
    line.remake("toy#prod#3", "toy@v1.0.0^{commit}")
    with pytest.raises(Refusal, match=r"toy#prod#3 was moved.* not sure"):
        resolve(line.folder, "toy@prod")


def test_a_stage_of_a_version_whose_tag_is_not_here_leads_nowhere(line: World) -> None:
    line.git("tag", "--delete", "toy@v3.0.0")
    with pytest.raises(Refusal, match=r"toy@v3\.0\.0 is not registered in this clone: `git fetch --tags`"):
        resolve(line.folder, "toy@prod")


def test_a_folder_is_told_which_version_it_holds(line: World) -> None:
    def held(folder: Path) -> str | None:
        return read_registry(line.folder).of_files(hashes(folder))

    assert held(resolve(line.folder, "toy@v2")) == "v2.0.0"
    line.train("four", 0.95)
    assert held(line.folder / "models/candidate") is None
    promote(line.folder, "staging", "", False)
    assert held(line.folder / "models/candidate") == "v4.0.0"


def test_a_folder_is_enough_where_the_tags_are_lost(line: World) -> None:
    folder = resolve(line.folder, "toy@v2")
    line.git("tag", "--delete", *line.tags())
    assert resolve(line.folder, str(folder)) == folder
    assert read_registry(line.folder).of_files(hashes(folder)) is None


def test_a_file_with_the_md5_of_a_version_and_other_contents_is_not_used(line: World) -> None:
    entry = read_registry(line.folder).entry("v2.0.0")
    assert entry is not None
    forged = entry.files["model.onnx"].model_copy(update={"sha256": "0" * 64})
    with pytest.raises(Refusal, match=r"model\.onnx .*another SHA-256"):
        collected(line.folder, entry.files | {"model.onnx": forged})
