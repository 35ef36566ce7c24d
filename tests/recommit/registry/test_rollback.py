"""Rollback: the version before comes back, with its files checked, whatever became of the newest."""

import shutil
from pathlib import Path

import pytest

from recommit import Refusal
from recommit.project.hashes import md5_of
from recommit.registry.change import Change, report
from recommit.registry.history import read_registry
from recommit.registry.promote import promote
from recommit.registry.rollback import rollback
from tests.recommit.registry.world import FEATURES, World

FILE = '{"md5": "00000000000000000000000000000000", "sha256": "' + "0" * 64 + '"}'


def back(world: World, to: str | None = None) -> str:
    return rollback(world.folder, "prod", to, "it is broken").version


def holder(world: World) -> str | None:
    return read_registry(world.folder).holder("prod")


def refused(world: World, *words: str, to: str | None = None) -> None:
    before = world.state()
    with pytest.raises(Refusal) as refusal:
        back(world, to)
    assert all(word in str(refusal.value) for word in words), refusal.value
    assert world.state() == before


def test_the_version_before_comes_back_as_champion_in_a_commit_of_its_own(line: World) -> None:
    assert back(line) == "v2.0.0"
    assert holder(line) == "v2.0.0"
    assert line.model("models/champion") == "model two"
    assert line.git("show", "--name-only", "--format=", "HEAD") == "models/champion.dvc"
    assert line.git("status", "--porcelain") == ""
    assert line.git("rev-parse", "toy#prod#4^{commit}") == line.git("rev-parse", "toy@v2.0.0^{commit}")
    registry = read_registry(line.folder)
    assert not registry.problems
    entry = registry.events("prod")[-1].entry
    assert entry is not None
    assert (entry.how, entry.replaced, entry.why) == ("rollback", "v3.0.0", "it is broken")


def test_rolling_back_twice_goes_two_versions_back_and_no_further_than_the_first(line: World) -> None:
    assert [back(line), back(line)] == ["v2.0.0", "v1.0.0"]
    refused(line, "v1.0.0 is the first version that had prod")


@pytest.mark.parametrize("to", ["v1.0.0", "v1"])
def test_a_version_can_be_named(line: World, to: str) -> None:
    assert back(line, to) == "v1.0.0"
    assert line.model("models/champion") == "model one"


def test_one_rolled_back_from_can_be_brought_back(line: World) -> None:
    back(line, "v1")
    assert back(line, "v3") == "v3.0.0"
    assert back(line) == "v1.0.0"


def test_the_one_that_has_the_stage_already_changes_nothing(line: World) -> None:
    before = line.state()
    assert back(line, "v3") == "v3.0.0"
    assert line.state() == before


def test_a_version_that_is_none_or_never_had_the_stage_is_refused(line: World) -> None:
    refused(line, "no version v9", "v1.0.0, v2.0.0, v3.0.0", to="v9")
    line.train("four", 0.95)
    promote(line.folder, "staging", "", False)
    refused(line, "v4.0.0 never had prod", to="v4")


@pytest.mark.parametrize("damage", ["gone", "corrupt", "cache"])
def test_it_works_whatever_became_of_the_newest_model(line: World, damage: str) -> None:
    for folder in ("models/champion", "models/candidate"):
        path = line.folder / folder / "model.onnx"
        if damage == "corrupt":
            path.write_text("rubbish")
        else:
            path.unlink()
    if damage == "cache":
        shutil.rmtree(line.folder / ".dvc/cache")
    assert back(line) == "v2.0.0"
    assert line.model("models/champion") == "model two"


def test_a_champions_file_that_dvc_does_not_have_is_kept_aside_and_named(line: World) -> None:
    (line.folder / "models/champion/model.onnx").write_text("my own")
    change = rollback(line.folder, "prod", None, "it is broken")
    assert line.model("models/champion") == "model two"
    assert [(line.folder / name).read_text() for name in change.aside] == ["my own"]
    said: list[str] = []
    report(change, False, said.append)
    assert change.aside[0] in said[0]


def test_a_champions_file_is_kept_aside_where_the_cache_has_it_broken(line: World) -> None:
    champion = line.folder / "models/champion/model.onnx"
    before, md5 = champion.read_text(), md5_of(champion)
    cached = line.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    cached.chmod(0o644)
    cached.write_text("rubbish")
    change = rollback(line.folder, "prod", None, "it is broken")
    assert [(line.folder / name).read_text() for name in change.aside] == [before]


def test_nothing_is_kept_aside_of_a_champion_that_dvc_has(line: World) -> None:
    assert rollback(line.folder, "prod", None, "").aside == ()


def test_files_come_from_the_remote_where_the_cache_has_them_broken(line: World) -> None:
    for path in (line.folder / ".dvc/cache/files/md5").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_text("rubbish")
    assert back(line) == "v2.0.0"
    assert line.model("models/champion") == "model two"


def test_files_that_are_nowhere_are_refused_by_name(line: World) -> None:
    shutil.rmtree(line.folder / ".dvc/cache")
    line.run("dvc", "remote", "modify", "--local", "shared", "url", str(line.folder.parent / "empty"))
    refused(line, "model.onnx (md5", "neither in DVC's cache nor in a remote")


def test_a_model_that_does_not_load_is_not_brought_back(line: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: Path) -> None:
        raise Refusal(f"{folder}: golden row 3 gives 0.2, expected 0.3")

    monkeypatch.setattr("recommit.registry.rollback.sound", broken)
    refused(line, "golden row 3")


def test_a_version_whose_tag_was_moved_is_not_brought_back(line: World) -> None:
    message = line.git("for-each-ref", "--format=%(contents)", "refs/tags/toy@v2.0.0")
    line.git("tag", "--force", "-a", "toy@v2.0.0", "-m", message, "HEAD")
    refused(line, "toy@v2.0.0 was moved", to="v2")


def test_with_the_last_tag_moved_the_version_must_be_named(line: World) -> None:
    line.remake("toy#prod#3", "toy@v1.0.0^{commit}")
    refused(line, "toy#prod#3 was moved", "which version has prod is not sure", "--to")
    assert back(line, "v2") == "v2.0.0"
    assert (holder(line), line.model("models/champion")) == ("v2.0.0", "model two")


def test_a_tag_that_contradicts_dvc_lock_is_not_brought_back(line: World) -> None:
    message = line.git("for-each-ref", "--format=%(contents)", "refs/tags/toy@v1.0.0")
    md5 = read_registry(line.folder).entry("v1.0.0").files["model.onnx"].md5  # type: ignore[union-attr]
    target = line.git("rev-parse", "toy@v1.0.0^{commit}")
    line.git("tag", "--force", "-a", "toy@v1.0.0", "-m", message.replace(md5, "0" * 32), target)
    refused(line, "toy@v1.0.0", to="v1")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"model.onnx": {', f'"more.onnx": {FILE}, "model.onnx": {{'),
        ('"model.onnx": {', '"other.onnx": {'),
        ('"md5": "', '"md5": "../'),
    ],
)
def test_a_tag_that_lists_other_files_than_a_models_three_is_not_brought_back(line: World, old: str, new: str) -> None:
    line.remake("toy@v1.0.0", line.git("rev-parse", "toy@v1.0.0^{commit}"), old, new)
    refused(line, "toy@v1.0.0 holds a record that cannot be read: files", to="v1")


def features(world: World, code: str) -> None:
    (world.folder / "src/toy/features.py").write_text(code)
    world.run("dvc", "repro", "--quiet", "features")
    world.commit("other features")


def test_features_that_come_as_they_did_need_no_word(line: World) -> None:
    change = rollback(line.folder, "prod", None, "")
    assert change.code == ()
    assert "features" not in said(change)


def test_other_code_for_the_same_features_is_named_with_what_brings_it_back(line: World) -> None:
    features(line, f"{FEATURES}# changed\n")
    assert "computed by other code than is here now: src/toy/features.py" in said(
        rollback(line.folder, "prod", None, "")
    )
    line.git("checkout", "toy@v2.0.0", "--", "src/toy/features.py")
    line.git("commit", "--quiet", "-m", "the features of v2")
    assert rollback(line.folder, "prod", None, "").code == ()


def test_a_model_whose_inputs_are_made_no_more_is_refused_by_their_names(line: World) -> None:
    features(line, FEATURES.replace('"wind"', '"gust"'))
    refused(line, "toy@v2.0.0 needs wind", "features.json", "git checkout toy@v2.0.0 -- src/toy/features.py")


def test_where_no_features_are_it_comes_back_all_the_same(line: World) -> None:
    (line.folder / "reports/evidence/features.json").unlink()
    change = rollback(line.folder, "prod", None, "")
    assert change.version == "v2.0.0"
    assert "was not looked at" in said(change)


def said(change: Change) -> str:
    lines: list[str] = []
    report(change, False, lines.append)
    return "\n".join(lines)


def test_unfinished_work_is_left_alone_but_nothing_staged_is_committed(line: World) -> None:
    (line.folder / "judge.py").write_text("# half done")
    (line.folder / "notes.txt").write_text("x")
    assert back(line) == "v2.0.0"
    assert (line.folder / "judge.py").read_text() == "# half done"
    assert line.git("status", "--porcelain").split() == ["M", "judge.py", "??", "notes.txt"]
    line.git("add", "notes.txt")
    refused(line, "notes.txt is staged")


@pytest.mark.parametrize("name", ["models/champion/notes.txt", "models/.gitignore", "models/champion.dvc"])
def test_what_is_the_users_own_where_the_champion_goes_is_named_and_kept(line: World, name: str) -> None:
    with (line.folder / name).open("a") as file:
        file.write("# mine\n")
    refused(line, f"{name}: ")


def test_a_lock_that_git_left_is_named_and_all_is_as_it_was(line: World) -> None:
    lock = line.folder / ".git/index.lock"
    lock.touch()
    with pytest.raises(Refusal, match=r"index\.lock': File exists"):
        back(line)
    lock.unlink()
    assert line.tags() == ["toy#prod#1", "toy#prod#2", "toy#prod#3", "toy@v1.0.0", "toy@v2.0.0", "toy@v3.0.0"]


def test_a_project_where_nothing_was_promoted_is_refused(world: World) -> None:
    refused(world, "no version of toy has prod")
