"""What docs/serve.md shows, on the project's own model: each of its lines works as it stands, but for the port."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from tests.system.conftest import ROOT, Project

SHOWN = (ROOT / "docs/serve.md").read_text()


def lines(begin: str) -> list[str]:
    """The lines of its text blocks that begin so."""
    blocks = re.findall(r"```text\n(.*?)```", SHOWN, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith(begin)]


@contextmanager
def serving(project: Project, *words: str) -> Iterator[tuple[str, str]]:
    """The server with a port of its own; gives its address and the line that asks it. It must end with status 0."""
    command = ["recommit", "serve", "--model", "models/candidate", "--port", "0", *words]
    with subprocess.Popen(
        command, cwd=project.folder, env=project.environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            told, asks = process.stdout.readline(), process.stdout.readline()
            yield told.split(" on http://")[1].split(",")[0], asks
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


@pytest.mark.system
def test_the_lines_of_the_docs_and_the_one_that_is_printed_are_answered(project: Project, tmp_path: Path) -> None:
    asked = [line for line in lines("curl ") if not line.endswith("/metrics")]
    assert len(asked) == 4
    with serving(project, "--workers", "2", "--store", str(tmp_path / "events.db")) as (address, asks):
        found = []
        for line in (*asked, asks, *asked[-1:] * 4):
            said = project.run("sh", "-c", line.replace("127.0.0.1:8080", address)).stdout
            found.append(json.loads(said))
            assert found[-1].keys() & {"ready", "inputs", "openapi", "probability", "taken"}, line
        assert [one["taken"] for one in found if "taken" in one] == [[1], [], [], [], []], "whichever worker is told"
        (metrics,) = (line for line in lines("curl ") if line.endswith("/metrics"))
        assert "recommit_rows_total 1.0" in project.run("sh", "-c", metrics.replace("127.0.0.1:8080", address)).stdout
        body = re.sub(r'"distance":[^,}]+', '"distance":20000', asks.rstrip())
        head, _, row = body.partition(" -d '")
        refused = project.run("sh", "-c", f"{head} -d '[{row.removesuffix(chr(39))}]'").stdout
        assert refused.replace("row 1", "row 2") == lines('{"error"')[0]
        other = re.sub(r'"flight_id":\d+', '"flight_id":999999999', asks.rstrip())
        assert project.run("sh", "-c", other.replace("127.0.0.1:8080", address)).stdout == lines('{"error"')[1]


@pytest.mark.system
def test_the_tokens_of_the_docs_are_wanted_and_taken_by_several_workers(project: Project, tmp_path: Path) -> None:
    made = "\n".join([*lines("TOKEN="), *lines("echo "), 'printf %s "$TOKEN"']).replace("/tmp/", f"{tmp_path}/")
    token = project.run("sh", "-c", made).stdout
    follow = lines("recommit serve --model")[0].partition(" --follow ")[2].replace("/tmp", str(tmp_path))
    words = ("--follow", follow, "--store", str(tmp_path / "events.db"))
    with serving(project, "--workers", "2", "--tokens", str(tmp_path / "tokens"), *words) as (_, asks):
        assert json.loads(project.run("sh", "-c", asks, TOKEN=token).stdout).keys() >= {"probability", "version"}
        assert [*json.loads(project.run("sh", "-c", asks, TOKEN="another").stdout)] == ["error"]


@pytest.mark.system
def test_the_log_becomes_data_of_the_project_by_the_lines_of_the_docs(project: Project) -> None:
    with serving(project, "--workers", "2") as (_, asks):
        answer = json.loads(project.run("sh", "-c", asks).stdout)
    for line in (*lines("recommit serve --close-log"), *lines("dvc add"), *lines("git add")):
        project.run("sh", "-c", line)
    logged = pd.read_parquet(project.folder / "data/served").iloc[0]
    for name in ("probability", "set", "model", "version", "model_sha256", "request_id"):
        assert logged[name] == answer[name]
    assert "feature.distance" in logged
    assert "up to date" in project.run("dvc", "status", "data/served.dvc").stdout
    assert project.run("git", "status", "--porcelain", "--untracked-files=all").stdout.split() == [
        "A", "data/.gitignore", "A", "data/served.dvc"
    ]  # fmt: skip
    project.run("recommit", "check")
    (made,) = lines("python -m")
    project.run("sh", "-c", made)
    assert (project.folder / "deploy/alerts.yml").is_file()
