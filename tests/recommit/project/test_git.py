"""Git is asked about the project's own repository, whatever a hook's environment says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recommit import Refusal
from recommit.lineage.snapshot import snapshot
from recommit.project.git import git, run, run_raw
from recommit.proof.commit import lay_out

ROOT = Path(__file__).parents[3]

WHO = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "one"
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, *WHO, "commit", "--quiet", "--allow-empty", "--message", "first")
    return folder


@pytest.mark.parametrize(
    "name", ["GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_SHALLOW_FILE"]
)
def test_a_hooks_environment_leads_to_no_other_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv(name, str(tmp_path / "other"))
    assert git(repository, "log", "--format=%H %s") == f"{head} first"


def test_who_commits_may_be_said_by_the_environment(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Grace")
    git(repository, *WHO, "commit", "--quiet", "--allow-empty", "--message", "second")
    assert git(repository, "log", "-1", "--format=%an %cn") == "Grace Grace"


def test_a_message_that_is_not_utf_8_is_read_all_the_same(repository: Path) -> None:
    words = [*WHO, "-c", "i18n.commitEncoding=UTF-8", "commit", "--quiet", "--allow-empty", "--file=-"]
    assert run_raw(repository, *words, given=b"caf\xe9").returncode == 0
    assert run(repository, "log", "-1", "--format=%s").stdout.startswith("caf")


def test_what_git_refuses_is_refused_in_its_words(repository: Path) -> None:
    with pytest.raises(Refusal, match=r"git rev-parse failed: .*nowhere"):
        git(repository, "rev-parse", "nowhere")


def test_without_git_it_is_said_what_to_do(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refusal, match="install git"):
        git(repository, "status")


# What Git takes for another user's folder; the hint is to be said whatever language Git speaks.
ANOTHER_USERS = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "LANG": "de_DE.UTF-8", "LANGUAGE": "de"}


@pytest.mark.parametrize(
    "words",
    [
        ["verify"],
        ["lineage", "models/candidate/model.onnx"],
        ["models"],
        ["promote"],
        ["rollback"],
        ["predict", "--model", "flights@prod", "--input", "a.csv", "--output", "b.csv"],
    ],
)
def test_a_checkout_of_another_user_is_told_in_gits_words(words: list[str]) -> None:
    result = subprocess.run(
        [str(Path(sys.executable).with_name("recommit")), *words],
        cwd=ROOT, env={**os.environ, **ANOTHER_USERS}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 2
    [line] = result.stderr.strip().splitlines()
    assert "dubious ownership in repository at" in line
    assert f"git config --global --add safe.directory {ROOT}" in line
    assert "names no commit" not in line


@pytest.mark.parametrize("rev", ["HEAD", "main"])
def test_a_folder_that_is_in_no_repository_is_told_in_gits_words(tmp_path: Path, rev: str) -> None:
    for ask in (lambda: lay_out(tmp_path, rev, tmp_path / "clone"), lambda: snapshot(tmp_path, rev)):
        with pytest.raises(Refusal, match="git: fatal: not a git repository"):
            ask()


@pytest.mark.parametrize("settings", [["core.autocrlf=true"], ["core.autocrlf=input"], ["core.eol=crlf"]])
def test_every_byte_of_a_clone_is_what_was_committed_whatever_git_does_to_line_ends(
    repository: Path, tmp_path: Path, settings: list[str]
) -> None:
    kinds = (
        "a.py",
        "a.ipynb",
        "a.yaml",
        "dvc.lock",
        "a.json",
        "a.csv",
        "a.txt",
        "Makefile",
        ".dvc/config",
        "no_suffix",
    )
    files = dict.fromkeys(kinds, b"one\ntwo\n")
    files |= {f"dos-{name}": b"one\r\ntwo\r\nthree\n" for name in kinds if "/" not in name}
    files |= dict.fromkeys(("a.png", "a.onnx", "a.parquet"), b"\x89one\ntwo\r\n\x00")
    files[".gitattributes"] = (ROOT / ".gitattributes").read_bytes()
    for name, content in files.items():
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_bytes(content)
    turned = [word for setting in settings for word in ("-c", setting)]
    git(repository, *turned, "add", "--all")
    git(repository, *WHO, "commit", "--quiet", "--message", "all")
    git(tmp_path, "clone", "--quiet", *turned, str(repository), "clone")
    assert {name: (tmp_path / "clone" / name).read_bytes() for name in files} == files
    assert git(tmp_path / "clone", "status", "--porcelain") == ""


def test_a_proof_takes_a_commit_without_gitattributes_as_it_is(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = "schema: '2.0'\nstages:\n  a:\n    cmd: echo\n    outs:\n    - {path: a.txt, md5: '1'}\n"
    for name, text in (("dvc.yaml", "stages: {a: {cmd: echo}}\n"), ("dvc.lock", lock)):
        (repository / name).write_text(text)
    git(repository, "add", "--all")
    git(repository, *WHO, "commit", "--quiet", "--message", "all")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    (tmp_path / "config").write_text("[core]\n    autocrlf = true\n    eol = crlf\n")
    commit = lay_out(repository, "HEAD", tmp_path / "clone")
    assert (commit.folder / "dvc.lock").read_bytes() == lock.encode()
