"""Promotion: only what evidence allows, all of it or nothing."""

import json
import subprocess
from pathlib import Path

import pytest

from recommit import Refusal
from recommit.registry import transaction
from recommit.registry.change import Change, publishing
from recommit.registry.history import read_registry
from recommit.registry.listing import as_data, as_text
from recommit.registry.promote import promote
from recommit.registry.resolve import resolve
from recommit.registry.rollback import rollback
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
        with pytest.raises(Refusal, match="--reason must be one line"):
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


@pytest.mark.parametrize("step", ["make_tag", "_kept", "_commit", "_transact"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), Refusal("planted")])
def test_a_failure_at_any_step_leaves_all_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    before = world.state()
    monkeypatch.setattr(transaction, step, fail)
    with pytest.raises(type(error)):
        do(world)
    assert world.state() == before
    assert list((world.folder / ".git").glob("recommit-*")) == []


def killed(world: World, step: str) -> None:
    """Promote in a process of its own, which ends at once when it comes to that step."""
    script = (
        "import os\nfrom pathlib import Path\nfrom recommit.registry import promote, transaction\n"
        "from tests.recommit.registry.world import plain_manifest\n"
        f"promote.sound, transaction.{step} = plain_manifest, lambda *_: os._exit(9)\n"
        "promote.promote(Path.cwd(), 'prod', '', False)\n"
    )
    root = Path(__file__).parents[3]
    ended = world.run("python", "-c", script, check=False, PYTHONPATH=f"{root / 'src'}:{root}")
    assert ended.returncode == 9, ended.stderr


def test_killed_before_the_transaction_nothing_has_changed(world: World) -> None:
    before = world.state()
    killed(world, "_transact")
    assert world.state() == before
    assert do(world).version == "v1.0.0"


def test_killed_after_the_transaction_only_the_working_tree_is_behind(world: World) -> None:
    killed(world, "_check_out")
    registry = read_registry(world.folder)
    assert (registry.holder("prod"), registry.problems) == ("v1.0.0", ())
    assert world.model(str(resolve(world.folder, "toy@prod"))) == "model one"
    with pytest.raises(Refusal) as refusal:
        do(world)
    assert "models/champion.dvc" in str(refusal.value)
    bring_up_to_date(world, refusal.value)
    assert do(world).tags == ()


def test_a_working_tree_that_cannot_be_brought_up_to_date_is_told_how(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(transaction, "_check_out", fail)
    with pytest.raises(Refusal, match=r"toy v1\.0\.0 is prod, but not in this working tree: disk full") as refusal:
        do(world)
    bring_up_to_date(world, refusal.value)


def bring_up_to_date(world: World, refusal: Refusal) -> None:
    """Run the command that a refusal names; the first champion's files are in Git's history, not in DVC's cache."""
    world.run("sh", "-c", str(refusal).split("`")[1] + " --force")
    assert world.model("models/champion") == "model one"
    assert world.git("status", "--porcelain") == ""


@pytest.mark.parametrize("theirs", [("tag", "-a", "toy@v1.0.0", "-m", "theirs"), ("tag", "toy#prod#1")])
def test_of_two_commands_at_once_one_makes_all_its_tags_and_the_other_none(
    world: World, monkeypatch: pytest.MonkeyPatch, theirs: tuple[str, ...]
) -> None:
    head = world.git("rev-parse", "HEAD")
    meanwhile(world, monkeypatch, *theirs)
    with pytest.raises(Refusal, match="already exists; nothing has changed"):
        do(world)
    assert (world.tags(), world.git("rev-parse", "HEAD")) == ([theirs[-1] if len(theirs) < 4 else theirs[2]], head)
    assert world.model("models/champion") == "model baseline"
    assert world.git("status", "--porcelain") == ""


def test_a_branch_that_moved_meanwhile_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(world, monkeypatch, "commit", "--quiet", "--allow-empty", "-m", "theirs")
    with pytest.raises(Refusal, match="nothing has changed"):
        do(world)
    assert world.tags() == []
    assert world.git("log", "-1", "--format=%s") == "theirs"
    assert world.model("models/champion") == "model baseline"


def meanwhile(world: World, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Have another command of Git run while a promotion prepares its own."""
    real = transaction._commit
    monkeypatch.setattr(transaction, "_commit", lambda *given: (world.git(*words), real(*given))[1])


def test_of_two_people_the_second_to_publish_publishes_nothing(world: World, tmp_path: Path) -> None:
    world.git("init", "--quiet", "--bare", str(tmp_path / "origin.git"))
    world.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    other = world.copy(tmp_path / "other")
    for person in (other, world):
        (person.folder / f"{person.folder.name}.txt").write_text("a note")
        person.commit("a note")
        *_, push = publishing(do(person, stage="staging"))
        pushed = person.run(*push.split(), check=False)
        assert (pushed.returncode == 0) == (person is other)
    listed = world.git("ls-remote", "origin").split()
    assert other.git("rev-parse", "toy@v1.0.0") in listed
    assert not {world.git("rev-parse", ref) for ref in ("HEAD", "toy@v1.0.0", "toy#staging#1")}.intersection(listed)
    world.git("tag", "--delete", "toy@v1.0.0", "toy#staging#1")
    world.git("pull", "--quiet", "--no-rebase", "--tags", "origin", "main")
    assert world.git("rev-parse", "toy@v1.0.0") == other.git("rev-parse", "toy@v1.0.0")
    assert not read_registry(world.folder).problems


def test_the_champions_commit_holds_nothing_else_and_is_signed_where_commits_are(world: World, tmp_path: Path) -> None:
    sign(world, tmp_path)
    world.git("config", "commit.gpgSign", "true")
    change = do(world)
    assert change.commit is not None
    assert "BEGIN SSH SIGNATURE" in world.git("cat-file", "commit", change.commit)
    assert world.git("diff", "--name-only", f"{change.tags[0]}^{{commit}}", "HEAD", "--", ".", ":!models") == ""


def test_who_promoted_is_whom_git_is_set_up_with_for_this_folder(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("user.name", "user.email"):
        world.git("config", "--unset", key)
    (tmp_path / "here").write_text("[user]\n name = Bea\n email = bea@example.org\n")
    (tmp_path / "global").write_text(f'[includeIf "gitdir:{world.folder}/"]\n path = {tmp_path / "here"}\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "global"))
    do(world)
    taggers = world.git("for-each-ref", "--format=%(taggername) %(taggeremail)", "refs/tags").splitlines()
    assert taggers == ["Bea <bea@example.org>"] * 2
    entry = read_registry(world.folder).entry("v1.0.0")
    assert entry is not None
    assert entry.who == "Bea <bea@example.org>"


def test_what_the_user_ignores_beside_the_champion_stays_ignored(world: World) -> None:
    (world.folder / "models/.gitignore").write_text("*.tmp")
    world.commit("what to ignore")
    do(world)
    assert (world.folder / "models/.gitignore").read_text() == "*.tmp\n/champion\n"


def test_a_project_below_the_top_of_its_repository_changes_its_own_champion_alone(tmp_path: Path, world: World) -> None:
    top, below = World(tmp_path / "top"), World(tmp_path / "top/toy")
    world.copy(below.folder)
    (below.folder / ".git").rename(top.folder / ".git")
    top.git("rm", "-r", "--quiet", "--cached", ".")
    below.run("dvc", "config", "cache.type", "symlink")
    head = top.commit("below the top")
    assert do(below).tags == ("toy=toy@v1.0.0", "toy=toy#prod#1")
    assert below.model("models/champion") == "model one"
    assert top.git("status", "--porcelain") == ""
    below.run("dvc", "status", "--quiet", "models/champion.dvc")
    changed = top.git("diff", "--name-only", head, "HEAD").split()
    assert {name for name in changed if not name.startswith("toy/models/champion/")} == {
        "toy/models/champion.dvc",
        "toy/models/.gitignore",
    }


@pytest.mark.all
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


def sign(world: World, place: Path) -> Path:
    """Set Git up with a key to sign with; returns the key's path."""
    key = place / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    world.git("config", "gpg.format", "ssh")
    world.git("config", "user.signingKey", str(key))
    return key


def test_tags_are_signed_when_git_has_a_key(world: World, tmp_path: Path) -> None:
    key = sign(world, tmp_path)
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


@pytest.mark.all
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


@pytest.fixture
def begun(world: World) -> World:
    """A new project: nothing was promoted, and the candidate is compared with the commit's own baseline."""
    (world.folder / "models/champion").rename(world.folder / "models/baseline")
    (world.folder / "models/champion").mkdir()
    (world.folder / "models/champion/README.md").write_text("none yet\n")
    for name in ("dvc.yaml", "judge.py"):
        path = world.folder / name
        path.write_text(path.read_text().replace("models/champion", "models/baseline"))
    world.run("dvc", "repro", "--quiet")
    world.commit("a new project")
    return world


def test_until_the_first_promotion_the_baseline_is_the_champion(begun: World) -> None:
    change = do(begun)
    assert change.version == "v1.0.0"
    assert begun.model("models/champion") == "model one"
    assert not (begun.folder / "models/champion/README.md").exists()
    assert begun.git("status", "--porcelain") == ""


def test_a_decision_that_compared_with_another_baseline_is_refused(begun: World) -> None:
    (begun.folder / "models/baseline/model.onnx").write_text("model other")
    begun.commit("another baseline")
    refused(begun, "models/baseline", status=2)
