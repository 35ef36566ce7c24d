"""The benchmarks compare like with like: the plain script gives what the pipeline gives."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.conftest import ROOT, Project

pytestmark = pytest.mark.system


def contents(folder: Path, pattern: str) -> dict[str, str]:
    """The SHA-256 of each file of that pattern, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob(pattern)
    }


@pytest.fixture(scope="module")
def plain(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outs of the plain script, run in the small project."""
    folder = tmp_path_factory.mktemp("plain")
    pins = reproduced.json("src/recommit/notebook/kernels/recommit/kernel.json")["env"]
    reproduced.run(sys.executable, str(ROOT / "benchmarks/plain.py"), str(folder), **pins)
    return folder


@pytest.mark.all
@pytest.mark.parametrize(
    "pattern",
    [
        "models/**/*.onnx",
        "models/candidate/[a-z]*",
        "data/folds/*.parquet",
        "reports/evidence/**/*.json",
        "reports/plots/*.csv",
    ],
)
def test_the_plain_script_writes_the_pipelines_bytes(reproduced: Project, plain: Path, pattern: str) -> None:
    expected = contents(reproduced.folder, pattern)
    assert expected
    assert contents(plain, pattern) == expected


@pytest.mark.all
def test_the_plain_script_gives_the_pipelines_metrics(reproduced: Project, plain: Path) -> None:
    expected = {path.relative_to(reproduced.folder) for path in (reproduced.folder / "reports/metrics").rglob("*.json")}
    assert len(expected) == 9
    for path in expected:
        assert json.loads((plain / path).read_text()) == reproduced.json(str(path))


@pytest.mark.parametrize(
    "words",
    [
        "pipeline.py --sample 2",
        "batch.py --fast",
        "pipeline.py --sample none",
        "pipeline.py --fast",
        "proof.py --fast",
        "registry.py --fast",
        "serve.py --fast",
        "power.py --fast",
        "leaks.py --fast",
        "four_months.py --fast",
    ],
)
def test_a_wrong_option_is_one_plain_error(words: str) -> None:
    script, *options = words.split()
    command = [sys.executable, str(ROOT / "benchmarks" / script), *options]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error:")
