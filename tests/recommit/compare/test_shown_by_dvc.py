"""What the README says of `dvc exp show`: its table fits a terminal, and `dvc exp apply` leaves lines as they were."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NUMBERS = {"squared_error": 1234.567, "absolute_error": 23.45678, "saved": 345.678}
MORE = {"saved_over_champion": -1.234, "calibration_gap": -0.0123, "coverage": 0.90123}
PIPELINE = """\
stages:
  fit:
    cmd: python fit.py
    deps: [fit.py, src/features.py]
    params: [models]
    metrics: [validation.json: {cache: false}, test.json: {cache: false}]
"""
FIT = f"""\
import json, re
from pathlib import Path

trees = int(re.search(r"max_iter: (\\d+)", Path("params.yaml").read_text())[1])
numbers, more = {NUMBERS}, {MORE}
for name, found in {{"validation": numbers, "test": {{"test": numbers | more}}}}.items():
    text = re.sub(r"\\.(\\d)", lambda found: f".{{trees}}{{found[1]}}", json.dumps(found))
    Path(f"{{name}}.json").write_text(text)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project of one stage, with this repository's params.yaml, and an experiment that changed a parameter."""
    files = {"dvc.yaml": PIPELINE, "fit.py": FIT, "src/features.py": "first = 1\n"}
    files["params.yaml"] = (ROOT / "params.yaml").read_text()
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    identity = ("git config user.name Ada", "git config user.email ada@example.org")
    for words in ("git init -q -b main", *identity, "dvc init -q", "dvc repro", "git add --all", "git commit -qm made"):
        run(tmp_path, *words.split())
    (tmp_path / "src/features.py").write_text("second = 2\n")
    run(tmp_path, "dvc", "exp", "run", "--name", "slender-sponge", "-S", "models.boosting.max_iter=300")
    return tmp_path


def run(folder: Path, *words: str) -> str:
    env = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder), "COLUMNS": "120"}
    env |= {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(folder / ".dvc/tmp/site")}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout


def test_the_readmes_table_of_experiments_fits_and_apply_changes_one_line(folder: Path) -> None:
    [command] = re.findall(r"`(dvc exp show [^`]+)`", (ROOT / "README.md").read_text())
    shown = run(folder, *shlex.split(command), "--no-pager")
    assert max(map(len, shown.splitlines())) <= 120, shown
    assert "…" not in shown, shown
    for head in ("Experiment", *NUMBERS, "models.boosting.max_iter"):
        assert head in shown
    assert "test." not in shown, "experiments are not compared by the rows to test on"
    assert len(json.loads(run(folder, "dvc", "metrics", "show", "--json"))[""]["data"]) == 2
    run(folder, "git", "checkout", "-q", "--", ".")
    run(folder, "dvc", "exp", "apply", "slender-sponge")
    changed = run(folder, "git", "diff", "--unified=0", "params.yaml").splitlines()
    assert [line.split()[:3] for line in changed if re.match(r"[+-] ", line)] == [
        ["-", "max_iter:", "200"],
        ["+", "max_iter:", "300"],
    ]
