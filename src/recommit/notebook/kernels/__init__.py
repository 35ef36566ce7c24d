"""The kernel spec that stages and Jupyter share: its environment makes results repeat."""

import os
from pathlib import Path

KERNEL = Path(__file__).parent / "recommit"
"""The folder of the spec; its name is the kernel's."""
SERVER = "RECOMMIT_KERNELS"
"""The environment variable that holds the socket of a kernel server, where there is one."""
# The kernel gets only these environment variables, and those of the kernel spec, which make results repeat.
_PASSED_ON = (
    *("HOME", "PATH", "TMPDIR"),
    # They simulate another machine, for `recommit verify`. Values of the kernel spec come before them.
    *("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES"),
)
# They simulate another date by libfaketime. Without FAKETIME none of them is passed on.
_ANOTHER_DATE = ("FAKETIME", "LD_PRELOAD", "FAKETIME_SHARED", "NO_FAKE_STAT")


def environment() -> dict[str, str]:
    """The environment of every kernel, except for what the kernel spec adds and for the private folder."""
    names = (*_PASSED_ON, *(_ANOTHER_DATE if "FAKETIME" in os.environ else ()))
    return {name: os.environ[name] for name in names if name in os.environ} | {
        "MATPLOTLIBRC": str(KERNEL / "matplotlibrc"),  # and not the user's
        "PYTHONUNBUFFERED": "1",  # workers are killed: what they printed must not wait in a buffer
    }
