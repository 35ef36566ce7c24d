"""What must not matter is varied for real, and nothing of it is left behind."""

import datetime
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recommit.proof.variations import dated, libfaketime
from tests.system.conftest import need

SHARED_MEMORY = Path("/dev/shm")


def test_another_date_holds_for_a_process_and_its_children_and_leaves_nothing_in_shared_memory() -> None:
    need("faketime")
    child = "import datetime, os; print(datetime.date.today(), flush=True); os._exit(0)"
    code = f"""
import json, os, subprocess, sys
today = subprocess.run([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE, text=True).stdout.strip()
print(json.dumps([os.environ.get("FAKETIME_SHARED", "").split(), today]))
"""
    names: list[str] = []
    while not names:  # where a killed process of the same number left some, the library does without
        said = subprocess.run(dated([sys.executable, "-c", code]), capture_output=True, text=True, check=True).stdout
        names, today = json.loads(said)
    assert datetime.date.fromisoformat(today) - datetime.date.today() >= datetime.timedelta(days=400)
    left = {path.name for path in SHARED_MEMORY.iterdir()} if SHARED_MEMORY.exists() else set()
    assert not any(found.endswith(name.strip("/")) for name in names for found in left)


def test_the_date_is_varied_though_a_killed_process_left_its_shared_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faketime = tmp_path / "faketime"
    stale = 'echo "faketime: sem_open: File exists" >&2; exit 1'
    faketime.write_text(
        f"#!/bin/sh\n[ -e {tmp_path}/tried ] || {{ touch {tmp_path}/tried; {stale}; }}\necho libfaketime\n"
    )
    faketime.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert shutil.which("faketime") == str(faketime)
    assert libfaketime.__wrapped__() == "libfaketime"
