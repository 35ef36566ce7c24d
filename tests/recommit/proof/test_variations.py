"""The date is varied for real, and nothing of that is left behind."""

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
CHILD = "import datetime, os; print(datetime.date.today(), flush=True); os._exit(0)"
CODE = f"""
import json, os, subprocess, sys
today = subprocess.run([sys.executable, "-c", {CHILD!r}], stdout=subprocess.PIPE, text=True).stdout.strip()
print(json.dumps([os.environ["FAKETIME_SHARED"].split(), today]))
"""


@pytest.mark.parametrize("stale", [(), ("faketime_shm_", "sem.faketime_sem_"), ("faketime_shm_",)])
def test_another_date_holds_for_a_process_and_its_children_and_leaves_nothing_in_shared_memory(
    stale: tuple[str, ...],
) -> None:
    need("faketime")
    litter = "".join(f"open(f'/dev/shm/{name}{{os.getpid()}}', 'w').write('left ' * 8);" for name in stale)
    become = f"import os, sys; {litter} os.execvp(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", become, *dated([sys.executable, "-c", CODE])]
    names, today = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert datetime.date.fromisoformat(today) - datetime.date.today() >= datetime.timedelta(days=400)
    assert len(names) == 2
    left = {path.name for path in SHARED_MEMORY.iterdir()}
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
