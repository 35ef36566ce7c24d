"""Replaces itself by a stage's command, `become_command.py PARENT CPU COMMAND...`, which ends when PARENT ends.

PARENT is the number of the process that started this one, CPU the only processor to run on, or `-` for all. Nothing of
the project is imported.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: str, cpu: str, *command: str) -> None:
    """Makes this process end when `parent` ends and run on `cpu`, then replaces it by `command`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if cpu != "-":
            os.sched_setaffinity(0, {int(cpu)})
    if os.getppid() != int(parent):
        sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
