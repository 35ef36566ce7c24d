"""A replay writes into its sandbox, and a commit whose stages reach outside the project is not replayed."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from recommit import Refusal
from recommit.project.contents import Contents
from recommit.project.hashes import stays_inside
from recommit.proof.commit import lay_out


@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "/a", "a//b", "a/./b", ".", "..", "", "a/", ".git/config", "a/.GIT"]
)
def test_a_path_that_leads_out_or_into_a_repository_is_found(name: str) -> None:
    assert not stays_inside(name)


@pytest.mark.parametrize("name", ["a", "a/b.c", ".dvc/config", ".gitignore", "a/..b", "a..b/..."])
def test_a_plain_path_stays_inside(name: str) -> None:
    assert stays_inside(name)


def test_contents_are_not_put_outside_the_sandbox(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"pwned")
    contents = Contents(tmp_path / "made", {})
    md5 = contents.know(tmp_path / "file")
    with pytest.raises(Refusal, match="leads out of the project"):
        contents.put(md5, tmp_path / "sandbox", "a/../../pwned.py")
    assert not (tmp_path / "pwned.py").exists()


@pytest.mark.parametrize("section", ["deps", "outs"])
@pytest.mark.parametrize("path", ["..", "../data", "a/../../data", "/srv/data", "s3://bucket/data"])
def test_a_stage_that_reaches_outside_the_project_is_not_replayed(tmp_path: Path, path: str, section: str) -> None:
    project = tmp_path / "project"
    project.mkdir()
    entry = {"cmd": "true", section: [{"path": path, "md5": hashlib.md5(b"").hexdigest()}]}
    (project / "dvc.yaml").write_text(json.dumps({"stages": {"reach": {"cmd": "true"}}}))
    (project / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": {"reach": entry}}))
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=project, check=True)
    with pytest.raises(Refusal, match=r"dvc\.lock, stage reach: .* is outside the project"):
        lay_out(project, "HEAD", tmp_path / "clone")
