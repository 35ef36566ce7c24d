"""Git is asked about the project's own repository, whatever a hook's environment says."""

from pathlib import Path

import pytest

from recommit import Refusal
from recommit.git import git, run, run_raw

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
