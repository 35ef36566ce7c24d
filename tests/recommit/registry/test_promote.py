"""Promotion: only what evidence allows, all of it or nothing."""

import json
import subprocess
from pathlib import Path

import pytest

from recommit import Refusal
from recommit.batch.named import open_scorer
from recommit.registry import champion
from recommit.registry.change import Change
from recommit.registry.history import read_registry
from recommit.registry.listing import as_data, as_text
from recommit.registry.promote import promote
from recommit.registry.report import publishing
from recommit.registry.resolve import resolve
from recommit.registry.rollback import rollback
from recommit.registry.state import changing
from tests.recommit.registry.world import World


def do(world: World, stage: str = "prod", reason: str = "", force: bool = False) -> Change:
    return promote(world.folder, stage, reason, force)


def refused(world: World, *words: str, status: int, force: bool = False, stage: str = "prod") -> None:
    before = world.state()
    with pytest.raises(Refusal) as refusal:
        do(world, force=force, reason="because" if force else "", stage=stage)
    assert all(word in str(refusal.value) for word in words), refusal.value
    assert refusal.value.status == status
    assert world.state() == before


def test_the_candidate_becomes_a_version_a_stage_and_the_champion_in_a_commit_of_its_own(world: World) -> None:
    head = world.git("rev-parse", "HEAD")
    change = do(world, reason="first")
    assert (change.version, change.tags) == ("v1.0.0", ("toy@v1.0.0", "toy#prod#1"))
    assert world.model("models/champion") == world.model("models/candidate") == "model one"
    assert world.git("status", "--porcelain") == ""
    assert world.git("rev-parse", "HEAD~1") == head
    changed = world.git("show", "--name-only", "--format=", "HEAD").split()
    assert {name for name in changed if not name.startswith("models/champion/")} == {
        "models/champion.dvc",
        "models/.gitignore",
    }
    for tag in change.tags:
        assert world.git("cat-file", "-t", tag) == "tag"
        assert world.git("rev-parse", f"{tag}^{{commit}}") == head


def test_the_tag_says_who_when_why_and_on_what_evidence(world: World) -> None:
    do(world, reason="first")
    entry = read_registry(world.folder).entry("v1.0.0")
    assert entry is not None
    assert (entry.who, entry.why, entry.forced, entry.decision) == ("Ana <ana@example.org>", "first", False, "yes")
    assert entry.as_of == "2013-09-01"
    assert entry.evidence is not None
    assert entry.metrics["auc"].low == pytest.approx(0.68)
    assert entry.measured == "test"


def ask(world: World, **points: str) -> None:
    """Have the gate ask about one point: `open` or `accepted`, as JSON."""
    answer = "yes" if "accepted" in points else "unknown"
    script = (world.folder / "judge.py").read_text()
    script = script.replace('"accepted": [], "open": []', str({"accepted": [], "open": []} | points)[1:-1])
    script = script.replace('"answer": answer, "reason"', '"answer": "unknown", "reason"')
    script = script.replace('"version": 1, "answer": answer', f'"version": 1, "answer": "{answer}"')
    (world.folder / "judge.py").write_text(script)
    world.run("dvc", "repro", "--quiet")
    world.commit()


def test_an_open_point_is_refused_with_the_line_that_answers_it(world: World) -> None:
    ask(world, open=[{"about": "hour, weekday", "says": "worth 0.4"}])
    line = '{rule: not_worse_than_champion, about: "hour, weekday", why: "..."}'
    refused(world, "about hour, weekday: worth 0.4", "params.yaml", line, status=1)


def test_an_accepted_point_is_in_the_tag_and_in_what_is_printed(world: World) -> None:
    ask(world, accepted=[{"about": "hour, weekday", "says": "worth 0.4", "why": "a busy\nstreet"}])
    change = do(world)
    (said,) = change.accepted
    assert said == "rule not_worse_than_champion, about hour, weekday: worth 0.4; accepted because: a busy street"
    entry = read_registry(world.folder).entry("v1.0.0")
    assert entry is not None
    assert [(one.about, one.why) for one in entry.accepted] == [("hour, weekday", "a busy street")]
    assert not read_registry(world.folder).problems
    listed = as_data(world.folder, read_registry(world.folder))
    assert listed["versions"][0]["accepted"][0]["says"] == "worth 0.4"
    told = "v1.0.0 accepted, rule not_worse_than_champion, about hour, weekday: a busy street"
    assert told in as_text(listed)
    world.remake("toy@v1.0.0", "HEAD~1", "a busy street", "all is well")
    (problem, *_) = read_registry(world.folder).problems
    assert "other accepted points" in problem.words


def test_a_second_time_says_so_and_does_nothing(world: World) -> None:
    do(world)
    before = world.state()
    again = do(world)
    assert (again.version, again.tags, again.commit) == ("v1.0.0", (), None)
    assert world.state() == before


def test_a_better_candidate_is_the_next_version_and_names_the_one_before(world: World) -> None:
    do(world)
    world.train("two", 0.8)
    change = do(world)
    assert (change.version, change.replaced, change.tags[-1]) == ("v2.0.0", "v1.0.0", "toy#prod#2")
    assert not read_registry(world.folder).problems


def test_a_worse_candidate_is_refused_by_the_rule_that_says_no(world: World) -> None:
    do(world)
    world.train("two", 0.6)
    refused(world, "not_worse_than_champion", "bound 0", status=1)


def test_force_needs_a_reason(world: World) -> None:
    with pytest.raises(Refusal, match="--reason"):
        do(world, force=True)


@pytest.mark.parametrize("reason", ["one\ntwo", "\x1b[2K", "\udce9"])
def test_a_reason_is_one_line_of_text(world: World, reason: str) -> None:
    for change in (
        lambda: promote(world.folder, "prod", reason, False),
        lambda: rollback(world.folder, "prod", None, reason),
    ):
        with pytest.raises(Refusal, match="--reason is to be one line"):
            change()


def test_a_forced_promotion_is_recorded_with_what_it_overruled(world: World) -> None:
    do(world)
    world.train("two", 0.6)
    do(world, reason="the old one fails on new airports", force=True)
    entry = read_registry(world.folder).entry("v2.0.0")
    assert entry is not None
    assert entry.forced
    assert entry.decision == "no"
    assert "not_worse_than_champion" in entry.overruled[0]


def test_anything_uncommitted_is_refused(world: World) -> None:
    (world.folder / "notes.txt").write_text("x")
    refused(world, "notes.txt", "commit", status=2)
    refused(world, "notes.txt", status=2, force=True)


def test_a_new_file_is_refused_though_git_is_told_not_to_show_them(world: World) -> None:
    world.git("config", "status.showUntrackedFiles", "no")
    (world.folder / "judge_more.py").write_text("x")
    refused(world, "judge_more.py", "commit", status=2, force=True)


@pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_is_told_not_to_look_at_is_refused(world: World, mark: str) -> None:
    world.git("update-index", mark, "judge.py")
    (world.folder / "judge.py").write_text("# changed")
    refused(world, "judge.py is marked so that Git does not look at it", status=2, force=True)


def test_a_candidate_that_is_not_the_recorded_one_is_refused(world: World) -> None:
    (world.folder / "models/candidate/model.onnx").write_text("model other")
    refused(world, "models/candidate/model.onnx", "dvc.lock", status=2, force=True)


def test_results_of_other_code_are_refused(world: World) -> None:
    with (world.folder / "judge.py").open("a") as file:
        file.write("# changed\n")
    world.commit()
    refused(world, "gate", "out of date", "judge.py", status=2, force=True)


def test_data_that_is_not_on_this_machine_does_not_count(world: World) -> None:
    text = (world.folder / "dvc.yaml").read_text()
    more = "stages:\n  raw:\n    cmd: echo 1 > raw.csv\n    outs: [raw.csv]\n"
    (world.folder / "dvc.yaml").write_text(text.replace("stages:\n", more))
    world.run("dvc", "repro", "--quiet")
    world.commit()
    (world.folder / "raw.csv").unlink()
    assert do(world).version == "v1.0.0"


def test_code_that_is_gone_is_no_data_that_is_not_here(world: World) -> None:
    text = (world.folder / "dvc.yaml").read_text()
    (world.folder / "dvc.yaml").write_text(text.replace("deps: [judge.py, ", "deps: [judge.py, local.py, "))
    (world.folder / "local.py").write_text("# what Git is told to ignore")
    (world.folder / ".gitignore").write_text(".recommit/\nlocal.py\n/features.parquet\n")
    world.run("dvc", "repro", "--quiet")
    world.commit()
    (world.folder / "features.parquet").unlink()
    (world.folder / "local.py").unlink()
    refused(world, "gate is out of date", "local.py: deleted", status=2, force=True)


def test_evidence_that_changed_after_the_decision_is_refused(world: World) -> None:
    script = world.folder / "judge.py"
    later = "\npathlib.Path('reports/evidence/test.json').write_text('{}')\n"
    script.write_text(script.read_text() + later)
    world.run("dvc", "repro", "--quiet")
    world.commit()
    refused(world, "test.json has changed", status=1)


def test_a_project_without_a_gate_is_refused(world: World) -> None:
    text = (world.folder / "dvc.yaml").read_text()
    (world.folder / "dvc.yaml").write_text(text.replace("      - models/decision.json: {cache: false}\n", ""))
    (world.folder / "models/decision.json").unlink()
    script = world.folder / "judge.py"
    script.write_text(script.read_text().replace('pathlib.Path("models/decision.json").write_text', "print"))
    world.run("dvc", "repro", "--quiet")
    world.commit()
    refused(world, "models/decision.json is missing", status=1)


def test_a_commit_that_is_a_version_already_is_refused_a_second_one(world: World) -> None:
    world.git("tag", "-a", "toy@v7.0.0", "-m", "by hand")
    refused(world, "toy@v7.0.0", "two versions on one commit", status=2, force=True)


def test_a_head_on_no_branch_is_refused(world: World) -> None:
    world.git("switch", "--quiet", "--detach")
    refused(world, "no branch", status=2)


def test_another_stage_is_a_tag_only_and_can_be_followed_by_prod(world: World) -> None:
    head = world.git("rev-parse", "HEAD")
    assert do(world, stage="staging").tags == ("toy@v1.0.0", "toy#staging#1")
    assert (world.git("rev-parse", "HEAD"), world.model("models/champion")) == (head, "model baseline")
    change = do(world)
    assert (change.version, change.tags) == ("v1.0.0", ("toy#prod#2",))
    assert world.model("models/champion") == "model one"
    assert not read_registry(world.folder).problems


def test_the_champion_can_be_given_another_stage_right_after(world: World) -> None:
    do(world)
    assert do(world, stage="dev").tags == ("toy#dev#2",)
    registry = read_registry(world.folder)
    assert (registry.holder("dev"), registry.problems) == ("v1.0.0", ())


@pytest.mark.parametrize("stage", ["prod v2!", "a//b", "a" * 65, "v1"])
def test_a_stage_that_git_gto_or_a_reader_cannot_name_is_refused(world: World, stage: str) -> None:
    refused(world, "no name for a stage", status=2, stage=stage)


@pytest.mark.parametrize(
    ("step", "error"),
    [("_dvc_add", OSError("disk full")), ("write_tag", KeyboardInterrupt()), ("commit", Refusal("planted"))],
)
def test_a_failure_half_way_leaves_all_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    if step == "commit":
        hook = world.folder / ".git/hooks/pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho planted >&2\nexit 1\n")
        hook.chmod(0o755)
    elif step == "_dvc_add":
        monkeypatch.setattr("recommit.registry.champion._dvc_add", fail)
    else:
        real, calls = champion.write_tag, []

        def second_fails(*words, **more):
            calls.append(words)
            return fail() if len(calls) == 2 else real(*words, **more)

        monkeypatch.setattr(champion, "write_tag", second_fails)
    before = world.state()
    with pytest.raises(type(error)):
        do(world)
    assert world.state() == before
    assert world.tags() == []


def test_what_a_killed_promotion_began_is_taken_back_by_the_next_command(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.state()
    script = (
        "import os\nfrom pathlib import Path\n"
        "from recommit.registry import champion, promote\n"
        "from tests.recommit.registry.world import plain_manifest\n"
        "promote.sound = plain_manifest\n"
        "champion.git = lambda *a, **k: os._exit(9) if 'commit' in a else real(*a, **k)\n"
    )
    script = script.replace("champion.git =", "real = champion.git\nchampion.git =")
    script += "promote.promote(Path.cwd(), 'prod', '', False)\n"
    root = Path(__file__).parents[3]
    killed = world.run("python", "-c", script, check=False, PYTHONPATH=f"{root / 'src'}:{root}")
    assert killed.returncode == 9, killed.stderr
    assert world.state() != before
    assert took_back(world)
    assert world.state() == before


class Killed(BaseException):
    """A kill: what it passes on its way does not clean up."""


def kill(world: World, monkeypatch: pytest.MonkeyPatch, step: str, word: str = "", call: int = 1) -> None:
    """Promote, and end it at that call of a step (of those that have `word`); "> step" is when the step is done."""
    name, calls = step.removeprefix("> "), []
    real = getattr(champion, name)

    def ended(*words: object, **more: object) -> object:
        counts = not word or word in words
        calls.extend([words] * counts)
        if counts and len(calls) == call and not step.startswith(">"):
            raise Killed
        result = real(*words, **more)
        if counts and len(calls) == call:
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(champion, name, ended)
        patch.setattr(champion, "_undo", lambda _: False)
        with pytest.raises(Killed):
            do(world)


def took_back(world: World) -> bool:
    with changing(world.folder) as took:
        return took


@pytest.mark.parametrize(
    ("step", "word", "call"),
    [
        ("> _note", "", 1),
        ("write_tag", "", 1),
        ("> write_tag", "", 1),
        ("> _note", "", 3),
        ("> write_tag", "", 2),
        ("_remove", "", 1),
        ("> _remove", "", 1),
        ("_dvc_add", "", 1),
        ("> _dvc_add", "", 1),
        ("git", "commit", 1),
    ],
)
def test_killed_at_any_step_it_is_taken_back(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, word: str, call: int
) -> None:
    before = world.state()
    kill(world, monkeypatch, step, word, call)
    assert took_back(world)
    assert world.state() == before
    assert not took_back(world)


@pytest.mark.parametrize(("step", "word"), [("> _note", ""), ("_dvc_add", ""), ("git", "commit")])
def test_what_a_kill_left_is_not_served_and_shows_in_the_listing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, word: str
) -> None:
    world.git("worktree", "add", "--quiet", str(tmp_path / "other"))
    kill(world, monkeypatch, step, word)
    for folder in (world.folder, tmp_path / "other"):
        problem = as_data(folder, read_registry(folder))["problems"][0]
        assert problem["kind"] == "half done"
        assert f"half done in {world.folder}: wait" in problem["words"]
        with pytest.raises(Refusal, match="half done"):
            resolve(folder, "toy@prod")
    with pytest.raises(Refusal, match="cut short"):
        open_scorer(world.folder)
    assert took_back(world)
    assert as_data(world.folder, read_registry(world.folder))["problems"] == []


def test_killed_after_its_commit_all_of_it_is_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kill(world, monkeypatch, "> git", "commit")
    assert as_data(world.folder, read_registry(world.folder))["problems"] == []
    assert resolve(world.folder, "toy@prod")
    assert not took_back(world)
    registry = read_registry(world.folder)
    assert (registry.holder("prod"), registry.problems) == ("v1.0.0", ())
    assert world.git("status", "--porcelain") == ""


@pytest.mark.parametrize("step", ["write_tag", "> write_tag", "_dvc_add"])
def test_a_tag_that_came_from_elsewhere_since_the_kill_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    kill(world, monkeypatch, step)
    world.git("tag", "--force", "-a", "toy@v1.0.0", "-m", "a colleague's")
    assert took_back(world)
    assert world.tags() == ["toy@v1.0.0"]


def test_a_champion_that_was_pulled_since_the_kill_is_left_alone(line: World, monkeypatch: pytest.MonkeyPatch) -> None:
    line.train("four", 0.95)
    kill(line, monkeypatch, "write_tag")
    pointer = line.folder / "models/champion.dvc"
    pointer.write_text(f"{pointer.read_text()}# pulled\n")
    line.commit("a colleague's")
    assert took_back(line)
    assert pointer.read_text().endswith("# pulled\n")
    assert line.git("status", "--porcelain") == ""


def test_what_a_kill_left_is_taken_back_on_its_own_branch_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.state()
    kill(world, monkeypatch, "git", "commit")
    world.git("switch", "--quiet", "--create", "other")
    with pytest.raises(Refusal, match="git switch main"):
        took_back(world)
    world.git("switch", "--quiet", "main")
    assert took_back(world)
    assert world.state() == before


def test_a_note_that_cannot_be_read_is_refused(world: World) -> None:
    place = world.folder / ".recommit/champion"
    place.mkdir(parents=True)
    (place / "begun.json").write_text("{")
    with pytest.raises(Refusal, match=r"begun\.json cannot be read"):
        took_back(world)


def test_one_command_at_a_time_changes_the_registry_of_all_worktrees(world: World, tmp_path: Path) -> None:
    world.git("worktree", "add", "--quiet", str(tmp_path / "other"))
    with changing(world.folder), pytest.raises(Refusal, match="being changed already"), changing(tmp_path / "other"):
        pass


def test_what_a_kill_left_in_another_worktree_is_taken_back_there_first(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.git("worktree", "add", "--quiet", str(tmp_path / "other"))
    kill(world, monkeypatch, "_dvc_add")
    with pytest.raises(Refusal, match=f"in {world.folder}"), changing(tmp_path / "other"):
        pass
    assert took_back(world)
    with changing(tmp_path / "other") as took:
        assert not took


def test_a_version_off_the_pushed_branch_reaches_the_other_clone(world: World, tmp_path: Path) -> None:
    def publish(change: Change) -> None:
        for command in publishing(change):
            world.run(*command.split())

    world.run("dvc", "remote", "modify", "--quiet", "shared", "url", str(tmp_path / "remote"))
    world.commit("where files are shared")
    world.git("init", "--quiet", "--bare", str(tmp_path / "origin.git"))
    world.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    publish(do(world, stage="staging"))
    world.git("switch", "--quiet", "--create", "side")
    world.train("two", 0.8)
    side = do(world, stage="staging")
    world.git("switch", "--quiet", "main")
    world.git("branch", "--quiet", "--delete", "--force", "side")
    publish(side)
    world.git("clone", "--quiet", "--branch", "main", str(tmp_path / "origin.git"), str(tmp_path / "clone"))
    clone = World(tmp_path / "clone")
    assert "side" not in clone.git("branch", "--all")
    publish(rollback(world.folder, "staging", None, ""))
    clone.git("pull", "--quiet", "--tags")
    clone.run("dvc", "config", "--local", "core.site_cache_dir", str(tmp_path / "site"))
    for name, model in (("toy@v2", "two"), ("toy@staging", "one")):
        assert clone.model(str(resolve(clone.folder, name))) == f"model {model}"
    assert not read_registry(clone.folder).problems


def test_tags_are_signed_when_git_has_a_key(world: World, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    world.git("config", "gpg.format", "ssh")
    world.git("config", "user.signingKey", str(key))
    do(world)
    registry = read_registry(world.folder)
    assert all(tag.has_signature for tag in registry.tags)
    assert not registry.problems
    (tmp_path / "allowed").write_text(f"ana@example.org {key.with_suffix('.pub').read_text()}")
    world.git("config", "gpg.ssh.allowedSignersFile", str(tmp_path / "allowed"))
    world.git("verify-tag", "toy@v1.0.0", "toy#prod#1")


def test_a_key_that_cannot_sign_is_refused_and_leaves_nothing(world: World, tmp_path: Path) -> None:
    world.git("config", "gpg.format", "ssh")
    world.git("config", "user.signingKey", str(tmp_path / "no-key"))
    refused(world, "could not be signed", "user.signingKey", status=2)


def test_gto_and_dvc_read_what_was_written(world: World, tmp_path: Path) -> None:
    for mark, auc in (("one", 0.7), ("two", 0.8)):
        world.train(mark, auc)
        do(world)
        world.run("dvc", "push", "--quiet")
    shown = json.loads(world.run("gto", "show", "toy", "--json").stdout)
    assert {entry["version"] for entry in shown} == {"v1.0.0", "v2.0.0"}
    world.git("clone", "--quiet", ".", str(tmp_path / "clone/toy"))
    clone = World(tmp_path / "clone/toy")
    clone.run("dvc", "config", "--local", "core.site_cache_dir", str(tmp_path / "site"))
    clone.run("dvc", "remote", "modify", "--local", "shared", "url", str(world.folder.parent.parent / "remote"))
    for words, model in ((("--stage", "prod"), "model two"), (("--rev", "v1.0.0"), "model one")):
        clone.run("dvc", "artifacts", "get", ".", "toy", *words, "-o", words[1])
        assert clone.model(words[1]) == model
