"""The listing: versions as they are, and whatever was done to their tags."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from recommit.registry.history import read_registry
from recommit.registry.listing import as_data, as_text
from recommit.registry.promote import promote
from recommit.registry.rollback import rollback
from tests.recommit.registry.world import World


def text(world: World) -> str:
    return "\n".join(as_text(as_data(world.folder, read_registry(world.folder))))


def problems(world: World) -> list[tuple[str, str]]:
    return [(problem.kind, problem.tag) for problem in read_registry(world.folder).problems]


def test_each_version_has_a_line_with_stage_clock_interval_and_decision(line: World) -> None:
    head, newest, *_ = text(line).splitlines()
    assert head.split() == ["toy", "stage", "clock", "auc", "looks", "decision", "made", "proof"]
    assert newest.startswith("v3.0.0  prod   2013-09-01  0.900 [0.880, 0.920]  3      yes ")
    assert "Ana" in newest
    assert problems(line) == []


def test_a_forced_version_shows_its_reason_and_what_it_overruled(world: World) -> None:
    promote(world.folder, "prod", "", False)
    world.train("two", 0.6)
    promote(world.folder, "prod", "the airport is new", True)
    assert "no, forced" in text(world)
    assert "v2.0.0 was forced: the airport is new" in text(world)
    assert "overruled: the gate says no, rule not_worse_than_champion" in text(world)
    world.train("three", 0.9)
    promote(world.folder, "prod", "", False)
    rollback(world.folder, "prod", None, "")
    assert "v2.0.0 was forced: the airport is new" in text(world)


def test_what_happened_to_a_stage_is_told_in_order(line: World) -> None:
    rollback(line.folder, "prod", None, "it is broken")
    assert "prod: v1.0.0, v2.0.0, v3.0.0, back to v2.0.0 (it is broken)" in text(line)


def test_a_proof_of_the_commit_shows(line: World) -> None:
    commit = line.git("rev-parse", "toy@v2.0.0^{commit}")
    record = {"commit": commit, "lock_md5": "0", "whole": True, "stages": [{"verdict": "identical"}]}
    path = line.folder / f".recommit/proofs/{commit[:10]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    rows = {row["version"]: row["proof"] for row in as_data(line.folder, read_registry(line.folder))["versions"]}
    assert rows == {"v1.0.0": None, "v2.0.0": "proved", "v3.0.0": None}
    path.write_text(json.dumps(record | {"stages": [{"verdict": "different"}]}))
    assert "not proved: different" in text(line)
    path.write_text("{")
    assert "proved" not in text(line)
    path.write_text(json.dumps(record | {"stages": 3, "commit": []}))
    assert "proved" not in text(line)


def test_a_moved_tag_is_named(line: World) -> None:
    line.remake("toy@v1.0.0", "HEAD")
    assert ("moved", "toy@v1.0.0") in problems(line)
    assert "toy@v1.0.0 was moved: it was made for commit" in text(line)


def test_the_number_of_a_deleted_version_is_not_used_again(line: World) -> None:
    line.git("tag", "--delete", "toy@v3.0.0")
    assert read_registry(line.folder).next_version() == "v4.0.0"


def test_a_copied_tag_is_named(line: World) -> None:
    line.git("update-ref", "refs/tags/toy@v9.0.0", line.git("rev-parse", "toy@v1.0.0"))
    assert ("copied", "toy@v9.0.0") in problems(line)


@pytest.mark.parametrize("words", [["-a", "-m", "by hand"], []])
def test_a_tag_without_evidence_is_named(line: World, words: list[str]) -> None:
    line.git("tag", *words, "toy@v4.0.0")
    assert problems(line) == [("no record", "toy@v4.0.0")]
    assert "no record" in text(line)


def test_a_version_that_gto_takes_away_again_is_not_in_order(line: World) -> None:
    line.git("tag", "-a", "-m", "gto deregister", "toy@v3.0.0!", "toy@v3.0.0^{commit}")
    assert [str(problem) for problem in read_registry(line.folder).against("v3.0.0")] == [
        "toy@v3.0.0! holds no record of its evidence: `recommit promote` makes tags that do"
    ]


@pytest.mark.parametrize("body", ["{", '{"kind": "version"}', '{"kind": "stage", "format": 2}', "[1" + "[" * 100_000])
def test_a_record_that_cannot_be_read_is_named(line: World, body: str) -> None:
    line.git("tag", "-a", "toy@v4.0.0", "-F", str(written(line, body)))
    assert problems(line)[0][1] == "toy@v4.0.0"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"who": "Ana\n\x1b[2Kv9.0.0  prod"}, "who: Value error, not one line"),
        ({"why": "\ud800"}, "why: Value error, not one line"),
        ({"why": "\u202egood"}, "why: Value error, not one line"),
        ({"a\x1b\n": 1}, "a  : Extra inputs"),
        ({"\ud800": 1}, ""),
        ({"metrics": {"auc": {"value": float("nan")}}}, "metrics.auc.value: Input should be a finite number"),
        ({"metrics": {"auc": {"value": 0.9, "high": float("inf")}}}, "metrics.auc.high: Input should be a finite"),
    ],
)
def test_a_record_that_would_not_print_as_what_it_is_is_named(line: World, change: dict[str, Any], words: str) -> None:
    content = line.git("for-each-ref", "--format=%(contents:body)", "refs/tags/toy@v3.0.0")
    body = json.dumps(json.loads(content) | change)
    line.git("tag", "--force", "-a", "toy@v3.0.0", "-F", str(written(line, body)), "toy@v3.0.0^{commit}")
    listed = as_data(line.folder, read_registry(line.folder))
    assert any(words in problem["words"] for problem in listed["problems"] if problem["kind"] == "unreadable")
    json.dumps(listed, allow_nan=False, ensure_ascii=False).encode()
    assert all(row.isprintable() for row in as_text(listed))


def test_tags_and_messages_that_are_no_utf8_are_left_alone(line: World) -> None:
    (line.folder / ".recommit/message").write_bytes(b"release\n\ncaf\xe9\n")
    line.git("tag", "-a", "-F", ".recommit/message", "release-1")
    line.run("git", "tag", os.fsdecode(b"rel\xe9"))
    line.run("git", "tag", "-a", "-F", ".recommit/message", os.fsdecode(b"toy@v1.0.0-\xe9"))
    assert problems(line) == []


def written(world: World, body: str) -> Path:
    path = world.folder / ".recommit/message"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"title\n\n{body}\n")
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lock": "0" * 32}, "it has another dvc.lock"),
        ({"evidence": "0" * 64}, "it has another models/decision.json"),
        ({"evidence": None}, "it has another models/decision.json"),
    ],
)
def test_a_record_that_its_commit_contradicts_is_named(line: World, change: dict[str, Any], words: str) -> None:
    content = line.git("for-each-ref", "--format=%(contents:body)", "refs/tags/toy@v3.0.0")
    body = json.dumps(json.loads(content) | change)
    line.git("tag", "--force", "-a", "toy@v3.0.0", "-F", str(written(line, body)), "toy@v3.0.0^{commit}")
    found = [problem for problem in read_registry(line.folder).problems if problem.kind == "contradicted"]
    assert [problem.tag for problem in found] == ["toy@v3.0.0"]
    assert words in found[0].words


def test_a_record_of_other_files_than_dvc_lock_lists_is_named(line: World) -> None:
    files = {name: file.md5 for name, file in read_registry(line.folder).entry("v3.0.0").files.items()}  # type: ignore[union-attr]
    line.remake("toy@v3.0.0", "toy@v3.0.0^{commit}", files["model.onnx"], files["manifest.json"])
    assert ("contradicted", "toy@v3.0.0") in problems(line)
    assert "another model in dvc.lock" in text(line)


def test_a_version_on_a_commit_without_evidence_is_named(line: World) -> None:
    line.git("rm", "--quiet", "--cached", "dvc.lock", "models/decision.json")
    line.git("commit", "--quiet", "-m", "none")
    old = line.git("rev-parse", "toy@v3.0.0^{commit}")
    line.remake("toy@v3.0.0", "HEAD", old, line.git("rev-parse", "HEAD"))
    assert "it has another dvc.lock, another model in dvc.lock, another models/decision.json" in text(line)


def test_a_number_of_any_length_is_counted_on_from(line: World) -> None:
    line.git("tag", "-a", f"toy#prod#{'9' * 30}", "-m", "by hand", "toy@v3.0.0^{commit}")
    assert read_registry(line.folder).next_number() == 10**30


def test_a_branch_from_before_is_no_problem(line: World) -> None:
    line.git("switch", "--quiet", "--create", "old", "toy@v1.0.0^{commit}")
    assert problems(line) == []


def test_tags_of_other_models_and_other_tags_are_left_alone(line: World) -> None:
    for tag in ("v1.0.0", "other@v1.0.0", "other#prod#1", "toy@latest", "toy"):
        line.git("tag", "-a", tag, "-m", "x")
    assert problems(line) == []


def test_git_is_asked_as_often_about_300_tags_as_about_few(line: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *words, **more: asked.append(words) or real(*words, **more))
    text(line)
    few = len(asked)
    target = line.git("rev-parse", "toy#prod#3")
    made = "".join(f"create refs/tags/toy#prod#{number} {target}\n" for number in range(4, 301))
    subprocess.run(["git", "update-ref", "--stdin"], cwd=line.folder, input=made, text=True, check=True)
    asked.clear()
    text(line)
    assert len(asked) == few
