"""A stage is followed while requests come: each is answered by one whole model, and no bad one is taken."""

import asyncio
import gc
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recommit import Refusal
from recommit.artifact.manifest import read_manifest, write_manifest
from recommit.batch.named import open_scorer
from recommit.batch.scorer import load_scorer
from recommit.registry.entry import FILES, File, StageEntry, VersionEntry, as_message, signature
from recommit.registry.files import collected
from recommit.registry.resolve import held
from recommit.serving.guard import Guard
from recommit.serving.limits import Limits
from recommit.serving.operation import Watched
from recommit.serving.refs import tags
from recommit.serving.run import Request, of_worker
from recommit.serving.run import _predictor as begun
from recommit.serving.started import Started
from recommit.serving.swap import AGAIN_SECONDS, Swap
from tests.recommit.batch import world
from tests.recommit.serving.test_history import told
from tests.recommit.serving.test_process import ROOT, SERVE, answered, both_ready, port_of, raw, until
from tests.recommit.serving.world import Answer, Client, Kept, asked, call, known, problem_of, rows, tensors


class Clone:
    """A small Git clone with a DVC cache, whose tags say which version has a stage."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number, self.versions = folder, 0, dict[str, str]()
        (folder / ".dvc").mkdir(parents=True)
        (folder / ".dvc/config").write_text("")
        (folder / "dvc.yaml").write_text("artifacts:\n  parcels: {path: models/candidate, type: model}\n")
        (folder / ".gitignore").write_text("/.dvc/cache\n/.recommit\n/log\n")
        for words in (("init", "--quiet"), ("config", "user.name", "Ana"), ("config", "user.email", "a@example.org")):
            self.git(*words)

    def git(self, *words: str) -> str:
        return subprocess.run(["git", "-C", self.folder, *words], capture_output=True, text=True, check=True).stdout

    def cached(self, name: str, model: Path) -> Path:
        """Where the cache has a file of a model."""
        md5 = hashlib.md5((model / name).read_bytes()).hexdigest()
        return self.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]

    def register(self, model: Path) -> str:
        """A version with the files in the folder `model`, kept in the cache."""
        files = {}
        for name in FILES:
            content = (model / name).read_bytes()
            to = self.cached(name, model)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(content)
            files[name] = File(md5=hashlib.md5(content).hexdigest(), sha256=hashlib.sha256(content).hexdigest())
        outs = "".join(
            f"    - path: models/candidate/{name}\n      hash: md5\n      md5: {file.md5}\n      size: 1\n"
            for name, file in files.items()
        )
        lock = f"stages:\n  select:\n    outs:\n{outs}"
        (self.folder / "dvc.lock").write_text(lock)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "candidate")
        version = f"v{len(self.versions) + 1}.0.0"
        self.versions[version] = commit = self.git("rev-parse", "HEAD").strip()
        said = signature(self.folder, "parcels", version, commit, "")
        entry = VersionEntry(
            **said, files=files, lock=hashlib.md5(lock.encode()).hexdigest(), decision="none", evidence=None,
            as_of="2013-09-01", measured="test", metrics={},
        )  # fmt: skip
        self.git("tag", "-a", f"parcels@{version}", "-m", as_message(version, entry), commit)
        return version

    def give(self, version: str, how: Any = "promote", stage: str = "prod") -> str:
        """Give a version the stage, as `recommit promote` and `recommit rollback` do; returns the tag."""
        self.number += 1
        tag, commit = f"parcels#{stage}#{self.number}", self.versions[version]
        said = signature(self.folder, "parcels", version, commit, "")
        entry = StageEntry(**said, stage=stage, how=how, replaced=None)
        self.git("tag", "-a", tag, "-m", as_message(version, entry), commit)
        return tag


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two models of one problem that answer differently."""
    folder = tmp_path_factory.mktemp("models")
    return world.write_model(folder / "one", "boosting"), world.write_model(folder / "two", "logistic")


@pytest.fixture
def clone(tmp_path: Path, models: tuple[Path, Path]) -> Clone:
    """Two versions, of which the first has prod."""
    made = Clone(tmp_path / "clone")
    made.give(made.register(models[0]))
    made.register(models[1])
    return made


class Following:
    """A server in this process that follows prod, and looks when the test says so."""

    def __init__(self, clone: Clone, **more: Any) -> None:
        version, files = held(clone.folder, "prod") or ("", {})
        scorer = load_scorer(collected(clone.folder, files), version)
        self.client = Client(more.pop("problem", problem_of("binary")), scorer, **more)
        self.client.operation.lines = self.lines = Kept()
        self.swap = Swap(self.client.app, clone.folder, "prod", self.client.example, Limits())

    def look(self) -> list[str]:
        """Look once; returns what was logged."""
        self.lines.said.clear()
        asyncio.run(self.swap.look())
        return [one["event"] for one in self.lines.said]

    def why(self) -> str:
        return str(self.lines.said[0]["why"])

    @property
    def version(self) -> str:
        return str(self.client.predict(rows(1)[0])["version"])

    def told(self, name: str) -> float:
        found = [
            line for line in self.client.ask("GET", "/metrics").body.decode().splitlines() if line.startswith(name)
        ]
        return float(found[0].split()[-1])


def test_a_promoted_version_answers_and_everything_names_it(
    clone: Clone, models: tuple[Path, Path], tmp_path: Path
) -> None:
    following = Following(clone, watched=Watched(tmp_path / "log"))
    client = following.client
    assert following.look() == []
    clone.give("v2.0.0")
    before = client.predict(rows(1)[0])
    assert following.look() == ["swapped"]
    assert following.lines.said[0] | {"sha256": ""} == {
        "event": "swapped", "version": "v2.0.0", "before": "v1.0.0", "sha256": "",
    }  # fmt: skip
    docs = (ROOT / "docs/serve.md").read_text().splitlines()
    (shown,) = (json.loads(line) for line in docs if '"event":"swapped"' in line)
    assert [*shown][1:] == [*following.lines.said[0]]
    after = client.predict(rows(1)[0])
    due = Client(problem_of("binary"), load_scorer(models[1], "v2.0.0")).predict(rows(1)[0])
    assert {**after, "request_id": ""} == {**due, "request_id": ""}
    assert (before["version"], before["probability"]) != (after["version"], after["probability"])
    assert client.ask("GET", "/openapi.json").json["info"]["version"] == "v2.0.0"
    assert client.ask("GET", "/v2/models/parcels").json["versions"] == ["v2.0.0"]
    assert client.infer(tensors(rows(1))).json["model_version"] == "v2.0.0"
    assert client.ask("POST", "/v2/repository/index").json[0]["version"] == "v2.0.0"
    assert client.ask("GET", "/v2/models/parcels/versions/v1.0.0").status == 404
    metrics = client.ask("GET", "/metrics").body.decode()
    assert 'version="v2.0.0"} 1.0' in metrics
    assert 'version="v1.0.0"' not in metrics
    assert following.told("recommit_rows_total") == 3, "counters go on"
    client.operation.end()
    assert [(one["version"], one["model_sha256"]) for one in heads(tmp_path / "log")] == [
        (one["version"], one["model_sha256"]) for one in (before, after)
    ]


def test_a_rollback_is_followed(clone: Clone) -> None:
    clone.give("v2.0.0")
    following = Following(clone)
    assert following.version == "v2.0.0"
    clone.give("v1.0.0", "rollback")
    assert following.look() == ["swapped"]
    assert following.version == "v1.0.0"


def test_what_has_not_changed_is_not_asked_of_git(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    following = Following(clone)
    following.look()
    clone.git("pack-refs", "--all")
    assert following.look() == []
    with monkeypatch.context() as no_git:
        no_git.setattr("subprocess.run", lambda *_, **__: pytest.fail("Git was asked"))
        assert following.look() == []
    clone.give("v2.0.0", stage="staging")
    assert following.look() == []
    assert following.version == "v1.0.0"


def test_each_change_of_a_tag_is_seen(clone: Clone) -> None:
    git = clone.folder / ".git"
    seen = [tags(git)]
    for words in (
        ("tag", "a/b", "HEAD"), ("tag", "--force", "a/b", "HEAD~1"), ("pack-refs", "--all"), ("tag", "--delete", "a/b")
    ):  # fmt: skip
        clone.git(*words)
        seen.append(tags(git))
    assert len({*seen}) == len(seen)
    assert tags(git) == seen[-1]
    assert tags(git / "nowhere") == (None, None)


def damaged(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1] + b"x")


@pytest.mark.parametrize("harm", [damaged, Path.unlink], ids=["damaged", "missing"])
@pytest.mark.parametrize("name", FILES)
def test_a_model_that_is_damaged_or_missing_is_not_taken_until_its_file_is_mended(
    clone: Clone, models: tuple[Path, Path], harm: Callable[[Path], None], name: str
) -> None:
    following = Following(clone)
    file = clone.cached(name, models[1])
    harm(file)
    clone.give("v2.0.0")
    assert following.look() == ["not swapped"]
    assert following.why() == f"{name} not in DVC's cache, or damaged: `dvc fetch --all-tags select` gets it"
    assert (following.version, following.told("recommit_model_not_taken")) == ("v1.0.0", 1)
    assert following.look() == [], "it is not tried again"
    file.write_bytes((models[1] / name).read_bytes())
    assert following.look() == ["swapped"]
    assert (following.version, following.told("recommit_model_not_taken")) == ("v2.0.0", 0)


def changed_manifest(model: Path, to: Path, **more: Any) -> Path:
    """A copy of a model whose manifest says something else."""
    shutil.copytree(model, to)
    write_manifest(to / "manifest.json", read_manifest(to / "manifest.json").model_copy(update=more))
    return to


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"name": "letters"}, "holds the model letters"),
        ({"target": "delay"}, "which predicts delay"),
        ({"format": 4}, "manifest.json"),
    ],
)
def test_a_model_of_another_problem_or_form_is_not_taken_and_no_line_has_a_path(
    clone: Clone, models: tuple[Path, Path], tmp_path: Path, more: dict[str, Any], why: str
) -> None:
    following = Following(clone)
    clone.give(clone.register(changed_manifest(models[1], tmp_path / "other", **more)))
    assert following.look() == ["not swapped"]
    assert why in following.why()
    assert str(tmp_path) not in str(following.lines.said)
    assert following.version == "v1.0.0"
    clone.give("v2.0.0")
    assert following.look() == ["swapped"], "the next one is in order"


def test_a_model_that_asks_for_what_is_not_declared_or_not_computed_is_not_taken(
    clone: Clone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Here the problem's code has lost a feature since the promoted model was trained."""
    problem = problem_of("binary")
    row = asked(1)[0]
    for lost in (False, True):
        following = Following(clone, problem=problem, known=known(problem, tmp_path / f"{lost}.db"))
        assert following.client.predict(row)["version"] == "v1.0.0"
        live = following.client.predictor.from_history.known.fresh().live  # type: ignore[union-attr]
        right = live.answer
        if lost:
            monkeypatch.setattr(
                live, "answer", lambda *given, right=right: {k: v for k, v in right(*given).items() if k != "recent"}
            )
        else:
            monkeypatch.setattr(
                "recommit.batch.scorer.Scorer.columns", {"weight": "number", "age": "number"}, raising=True
            )
        clone.give("v2.0.0")
        assert following.look() == ["not swapped"]
        assert following.why() == ("KeyError" if lost else "the model reads age, which features does not declare")
        monkeypatch.undo()
        assert following.client.predict(row)["version"] == "v1.0.0"
        clone.give("v1.0.0", "rollback")


def test_what_was_refused_for_a_passing_fault_is_tried_again_by_itself(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = Following(clone)
    clone.give("v2.0.0")
    with monkeypatch.context() as patch:
        patch.setattr("recommit.serving.swap.held", refuse_now)
        assert following.look() == ["not swapped"]
        assert following.look() == [], "not each second"
    now = time.monotonic() + AGAIN_SECONDS
    monkeypatch.setattr("recommit.serving.swap.time.monotonic", lambda: now)
    assert following.look() == ["swapped"]


def refuse_now(*_: Any) -> None:
    raise OSError("the disk is away")


def test_events_that_were_told_are_known_to_the_next_model_too(
    clone: Clone, models: tuple[Path, Path], tmp_path: Path
) -> None:
    problem = problem_of("binary")
    following = Following(clone, problem=problem, known=known(problem, tmp_path / "events.db"))
    client, row = following.client, asked(1)[0]
    event = told(51.0, road=row["road"])
    before = client.predict(row)["probability"]
    assert client.tell(event)["taken"] == [1]
    clone.give("v2.0.0")
    assert following.look() == ["swapped"]
    fresh = Client(problem, load_scorer(models[1]), known=known(problem, tmp_path / "events.db"))
    assert before != client.predict(row)["probability"] == fresh.predict(row)["probability"]
    other = Client(problem, load_scorer(models[1]), known=known(problem, tmp_path / "other.db"))
    assert other.predict(row)["probability"] != client.predict(row)["probability"], "the event counts"
    assert client.tell(event)["repeated"] == [1]
    assert client.ask("GET", "/openapi.json").json["paths"]["/events"]


def test_golden_rows_that_are_answered_otherwise_here_are_a_reason_not_to_swap(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = Following(clone)
    clone.give("v2.0.0")

    def refuse(_: Any) -> None:
        raise Refusal("the golden rows are answered otherwise")

    monkeypatch.setattr("recommit.serving.swap.refuse_golden", refuse)
    assert following.look() == ["not swapped"]
    assert following.version == "v1.0.0"


def moved(clone: Clone) -> None:
    tag = clone.give("v2.0.0")
    message = clone.git("for-each-ref", "--format=%(contents)", f"refs/tags/{tag}")
    clone.git("tag", "--force", "-a", tag, "-m", message, "v1-commit")


def without_record(clone: Clone) -> None:
    clone.git("tag", "-a", "parcels#prod#7", "-m", "prod", "HEAD")


def of_no_version(clone: Clone) -> None:
    clone.give("v2.0.0")
    clone.git("tag", "--delete", "parcels@v2.0.0")


def all_deleted(clone: Clone) -> None:
    clone.git("tag", "--delete", *clone.git("tag").split())


def no_git(clone: Clone) -> None:
    shutil.rmtree(clone.folder / ".git")


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (moved, "was moved"), (without_record, "holds no record"), (of_no_version, "not registered in this clone"),
        (all_deleted, "no tag gives the stage prod any more"), (no_git, "git"),
    ],
)  # fmt: skip
def test_tags_that_are_not_in_order_or_gone_change_nothing(
    clone: Clone, harm: Callable[[Clone], None], why: str
) -> None:
    clone.git("tag", "v1-commit", clone.versions["v1.0.0"])
    following = Following(clone)
    following.look()
    harm(clone)
    assert following.look() == ["not swapped"]
    assert why in following.why()
    assert following.look() == []
    assert following.version == "v1.0.0"
    assert following.told("recommit_model_not_taken") == 1


def test_a_request_in_flight_ends_on_the_model_that_it_began_with(clone: Clone, tmp_path: Path) -> None:
    following = Following(clone, watched=Watched(tmp_path / "log"))
    client = following.client
    body = json.dumps(rows(1)[0]).encode()

    async def both() -> list[Answer]:
        begun, go_on, right = asyncio.Event(), asyncio.Event(), client.app.served._app

        async def slow(*given: Any) -> None:
            begun.set()
            await go_on.wait()
            await right(*given)

        client.app.served._app = slow
        first = asyncio.create_task(call(client.app, "POST", "/predict", body))
        await begun.wait()
        clone.give("v2.0.0")
        await following.swap.look()
        second = await call(client.app, "POST", "/predict", body)
        assert 'version="v1.0.0"' in (await call(client.app, "GET", "/metrics")).body.decode(), "it still answers"
        go_on.set()
        return [await first, second]

    assert [one.json["version"] for one in asyncio.run(both())] == ["v1.0.0", "v2.0.0"]
    assert 'version="v1.0.0"' not in client.ask("GET", "/metrics").body.decode()
    client.operation.end()
    assert sorted(head["version"] for head in heads(tmp_path / "log")) == ["v1.0.0", "v2.0.0"]


def heads(log: Path) -> list[Any]:
    """What the files of a log say first."""
    return [json.loads(file.read_bytes().splitlines()[0]) for file in sorted(log.iterdir())]


def test_no_promotion_under_load_loses_a_request_or_mixes_models(clone: Clone, models: tuple[Path, Path]) -> None:
    """Every answer is, to the bit, the one that its version gives."""
    following = Following(clone)
    client, many = following.client, rows(20)
    due = {
        version: [Client(problem_of("binary"), load_scorer(model, version)).predict(row)["probability"] for row in many]
        for version, model in zip(("v1.0.0", "v2.0.0"), models, strict=True)
    }
    found: list[tuple[int, Any]] = []

    async def ask(end: asyncio.Event) -> None:
        place = 0
        while not end.is_set():
            place = (place + 1) % len(many)
            answer = await call(client.app, "POST", "/predict", json.dumps(many[place]).encode())
            assert answer.status == 200
            found.append((place, answer.json))
            await asyncio.sleep(0)

    async def promote() -> None:
        end = asyncio.Event()
        asking = [asyncio.create_task(ask(end)) for _ in range(4)]
        for version in ("v2.0.0", "v1.0.0", "v2.0.0"):
            await asyncio.to_thread(clone.give, version, "rollback")
            await following.swap.look()
        end.set()
        await asyncio.gather(*asking)

    asyncio.run(promote())
    assert {one["version"] for _, one in found} == {*due}
    assert all(one["probability"] == due[one["version"]][place] for place, one in found)
    assert following.told("recommit_rows_total") == len(found)


def test_many_promotions_leave_nothing_behind(clone: Clone, tmp_path: Path) -> None:
    board = tmp_path / "board"
    board.mkdir()
    following = Following(clone, watched=Watched(tmp_path / "log", board))
    log = following.client.operation.log
    assert log
    left: list[weakref.ref[Any]] = []
    sizes = []
    for number in range(8):
        clone.give(f"v{2 - number % 2}.0.0", "rollback")
        left.append(weakref.ref(following.client.app.served))
        assert following.look() == ["swapped"]
        assert following.version == f"v{2 - number % 2}.0.0"
        log.sync()
        sizes.append((len(os.listdir("/proc/self/fd")), threading.active_count(), len([*board.iterdir()])))
    gc.collect()
    assert not [one for one in left if one()]
    assert sizes[3] == sizes[-1]
    assert following.told("recommit_rows_total") == 8
    following.client.operation.end()


@pytest.fixture
def project(clone: Clone, models: tuple[Path, Path]) -> Clone:
    """The same as a project whose champion is the first version."""
    (clone.folder / "pyproject.toml").write_text('[tool.recommit]\nproblem = "tests.recommit.batch.world:PROBLEM"\n')
    for name in ("champion", "baseline"):
        shutil.copytree(models[0], clone.folder / "models" / name)
    return clone


def worker(project: Clone, wanted: str | None, board: Path | None = None, first: Started | None = None) -> Guard:
    """The application of a worker."""
    request = Request(project.folder, wanted, features=True, watched=Watched(board=board))
    app = of_worker(request, first or Started.of(open_scorer(project.folder, wanted)))
    assert isinstance(app, Guard)
    app.operation.lines = Kept()
    return app


def version_of(app: Guard) -> str:
    return app.served.predictor.scorer.version


@pytest.mark.parametrize(
    ("wanted", "follows"), [(None, 2), ("parcels@prod", 2), ("v1", 1), ("parcels@v1", 1), ("models/champion", 1)]
)
def test_the_champion_and_a_stage_are_followed_and_a_version_and_a_folder_are_not(
    project: Clone, wanted: str | None, follows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    app = worker(project, wanted)
    assert version_of(app) == "v1.0.0"
    assert len(app.operation.during) == follows, "one looks now and then at what is measured"


def test_a_server_begins_with_the_version_that_has_prod_by_its_tag_whatever_the_tree_has(
    project: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a promotion elsewhere that was fetched, and nothing was checked out."""
    monkeypatch.chdir(project.folder)
    assert begun(Request(project.folder, features=True)).scorer.version == "v1.0.0"
    project.give("v2.0.0")
    assert begun(Request(project.folder, features=True)).scorer.version == "v2.0.0"
    assert begun(Request(project.folder, "models/champion", features=True)).scorer.version == "v1.0.0"


def test_without_a_clone_or_without_git_the_champion_is_served_and_nothing_followed(
    project: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(project.folder / ".git")
    for path, why in ((os.environ["PATH"], "not a git repository"), ("", "git is not installed")):
        monkeypatch.setenv("PATH", path)
        app = worker(project, None)
        assert version_of(app).startswith("sha256:"), "its tags are not there"
        asyncio.run(entered(app))
        (said,) = app.operation.lines.said  # type: ignore[attr-defined]
        assert said["event"] == "not following"
        assert why in said["why"]
        assert str(project.folder) not in said["why"]


async def entered(app: Guard) -> None:
    async with app.operation.during[-1]:
        pass


def test_a_new_worker_begins_with_what_the_others_serve_whatever_the_files_have_become(
    project: Clone, tmp_path: Path
) -> None:
    board = tmp_path / "board"
    board.mkdir()
    first = Started.copied(open_scorer(project.folder), board)
    damaged(project.folder / "models/champion/model.onnx")
    project.give("v2.0.0")
    for begins in ("v1.0.0", "v2.0.0"):
        app = worker(project, None, board, first)
        assert version_of(app) == begins
        asyncio.run(until_it_is_the_second(app))


async def until_it_is_the_second(app: Guard) -> None:
    async with app.operation.during[-1]:
        while version_of(app) != "v2.0.0":
            await asyncio.sleep(0.01)


@pytest.mark.all
def test_two_workers_both_follow_and_no_request_fails(project: Clone) -> None:
    """As processes, over HTTP, while four clients ask."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SERVE, "parcels@prod", "2", "20"]
    with subprocess.Popen(
        command, cwd=project.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            port = port_of(process.stdout.readline())
            until(lambda: both_ready(port))
            found, end = list[str](), threading.Event()

            def ask() -> None:
                while not end.is_set():
                    found.append(answered(port, rows(1)[0])["version"])

            asking = [threading.Thread(target=ask) for _ in range(4)]
            for one in asking:
                one.start()
            for version, swaps in (("v2.0.0", 2), ("v1.0.0", 4)):
                project.give(version, "rollback")
                until(lambda swaps=swaps: swapped(port) == swaps)
                after = len(found)
                until(lambda after=after: len(found) > after + 20)
                assert {*found[after + 8 :][:8]} == {version}, "those that had begun before are answered by then"
            end.set()
            for one in asking:
                one.join()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert process.stderr
            assert process.stderr.read() == ""
        finally:
            process.kill()


def swapped(port: int) -> float:
    said = raw(port, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").decode()
    return sum(float(line.split()[-1]) for line in said.splitlines() if 'swaps_total{outcome="taken"}' in line)
