"""Runs a stage's command, `end_orphans.py COMMAND...`, and ends the processes that it leaves running."""

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def main(*command: str) -> int:
    """Runs `command`, kills the processes that it left, and returns its exit status, or 128 plus its signal."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    process = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    status = process.wait()
    children = Path("/proc/thread-self/children")
    while children.exists() and (left := children.read_text().split()):
        for pid in left:
            os.kill(int(pid), signal.SIGKILL)
            os.waitpid(int(pid), 0)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
