"""Become a stage's command: `launch.py PARENT UMASK CPUS COMMAND...`, without anything of the project imported.

UMASK is octal or `-`; CPUS are numbers with commas between, or `-`. Ends with its parent, however that ends.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: str, umask: str, cpus: str, *command: str) -> None:
    """Set what is asked of this process, then replace it by the command."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if cpus != "-":
            os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    if os.getppid() != int(parent):
        sys.exit(1)
    if umask != "-":
        os.umask(int(umask, 8))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
