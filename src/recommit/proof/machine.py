"""Describes the machine of a proof: Python, packages, processor, linear algebra, operating system."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from recommit.notebook.kernels import KERNEL
from recommit.project.files import REQUIREMENTS


def unlike_the_lock(folder: Path) -> list[str]:
    """Returns each package whose installed version is not that of locks/run.txt in `folder`, with both versions."""
    if not (folder / REQUIREMENTS).is_file():
        return []
    found = []
    for line in (folder / REQUIREMENTS).read_text(encoding="utf-8").splitlines():
        if not line[:1].isalnum():
            continue
        with suppress(InvalidRequirement):
            requirement = Requirement(line.rstrip("\\ "))
            if requirement.marker is not None and not requirement.marker.evaluate():
                continue
            locked = next((spec.version for spec in requirement.specifier if spec.operator == "=="), None)
            installed = next((found.version for found in metadata.distributions(name=requirement.name)), None)
            if locked is not None and installed != locked:
                here = f"here {installed}" if installed else "not installed"
                found.append(f"{requirement.name} {locked} ({here})")
    return found


def machine(folder: Path, python: Path) -> dict[str, Any]:
    """Returns the facts for the record. `folder` is the commit's project, `python` the interpreter of its stages."""
    lock = folder / REQUIREMENTS
    return {
        "python": _asked(python, "import platform; print(platform.python_version())"),
        "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None,
        "cpu": cpu(),
        "cpus": len(os.sched_getaffinity(0)),
        "blas": _blas(python, {}),
        "blas_pinned": _blas(python, _pins()),
        "system": f"{platform.system()} {platform.release()}",
    }


def _pins() -> Mapping[str, str]:
    import json

    with suppress(OSError, ValueError, KeyError):
        return json.loads((KERNEL / "kernel.json").read_text())["env"]
    return {}


def _blas(python: Path, env: Mapping[str, str]) -> str | None:
    """Returns the CPU kernel, such as Haswell or Zen, that the linear algebra library chooses with `env`."""
    code = (
        "import numpy, threadpoolctl; "
        "print(next((i['architecture'] for i in threadpoolctl.threadpool_info() if 'architecture' in i), ''))"
    )
    return _asked(python, code, env) or None


def _asked(python: Path, code: str, env: Mapping[str, str] | None = None) -> str:
    result = subprocess.run([str(python), "-c", code], capture_output=True, text=True, env=os.environ | dict(env or {}))
    return result.stdout.strip()


def cpu() -> str:
    """Returns the model name of the processor, as far as the system knows it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
