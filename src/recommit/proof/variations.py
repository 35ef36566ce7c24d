"""What must not matter to a result, and is therefore otherwise in a replay: where it runs, for whom, and when.

The idea is that of reprotest, of the reproducible-builds project: build twice, vary everything, compare.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache

# Never handed on: the name of another run, of another repository, of another date.
_NEVER = ("DVC_", "GIT_", "RECOMMIT_", "FAKETIME", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE")
_NEVER_ALONE = ("_", "PWD", "OLDPWD", "SHLVL")
# Always handed on: where programs are, and what stands for the machine itself.
_ALWAYS = ("PATH", "OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", "LD_LIBRARY_PATH")
_LOCALE = ("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_NUMERIC", "LC_TIME", "LC_MESSAGES")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# Not a number of whole days: the hour is another, too.
_LATER_SECONDS = (400 * 24 + 7) * 3600 + 13 * 60
_TRIES = 100
_SET_BY_US = {"HOME", "TMPDIR", "TZ", "SHELL", *_LOCALE, *_THREADS}


@dataclass(frozen=True)
class Variation:
    """One thing that a replay does otherwise, and how; `kind` alone names it unless there are several of its kind."""

    kind: str
    how: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.how}" if self.kind in ("variable", "parameter", "file") else self.kind


def surroundings() -> list[Variation]:
    """All that can be varied on this machine, the environment's variables excepted, in words for the record."""
    found = [
        Variation("path", "another folder, with a space in its name"),
        Variation("home", "an empty one"),
        Variation("time zone", _other_zone()),
        Variation("locale", _other_locale()),
        Variation("umask", "077"),
        Variation("shell", "/bin/sh"),
        Variation("hash seed", "4242 where a process is free to choose"),
        Variation("thread count", "3 where a process is free to choose"),
        Variation("directory order", "folders list in reverse"),
    ]
    if _cpus() > 1:
        found.append(Variation("visible CPUs", f"1 of {_cpus()}"))
    if libfaketime():
        found.append(Variation("date", "400 days, 7 hours and 13 minutes on"))
    return found


def withheld_variables() -> list[Variation]:
    """The user's environment variables that a replay does not see."""
    return [Variation("variable", name) for name in sorted(_users()) if name not in {*_ALWAYS, *_SET_BY_US}]


def _users() -> dict[str, str]:
    names = (name for name in os.environ if not name.startswith(_NEVER) and name not in _NEVER_ALONE)
    return {name: os.environ[name] for name in names}


def environment(varied: set[Variation], home: str, tmp: str, programs: str) -> dict[str, str]:
    """The environment of a replay's command; `programs` is the folder of the environment's own commands."""
    kinds = {variation.kind for variation in varied}
    gone = {variation.how for variation in varied if variation.kind == "variable"}
    kept = {name: value for name, value in _users().items() if name not in gone}
    ours = {
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "SHELL": shell(kinds),
        "TMPDIR": tmp,
        "PYTHONHASHSEED": "4242" if "hash seed" in kinds else "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if "home" in kinds:
        ours["HOME"] = home
    if "time zone" in kinds:
        ours["TZ"] = _other_zone()
    if "thread count" in kinds:
        ours |= dict.fromkeys(_THREADS, "3")
    if "locale" in kinds:
        kept = {name: value for name, value in kept.items() if name not in _LOCALE}
        ours |= {"LC_ALL": _other_locale()}
        if _other_locale() == "C":  # or Python would quietly make it UTF-8
            ours |= {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    return kept | ours


def dated(command: list[str]) -> list[str]:
    """The command at another date.

    The variables are set for the program itself, not for one that turns into it: libfaketime's shared memory is taken
    away by the process that it first finds, when that ends. It is named by that process's number, so that what a killed
    one of the same number left is taken away first.
    """
    settings = {"LD_PRELOAD": libfaketime(), "FAKETIME": f"+{_LATER_SECONDS}", "NO_FAKE_STAT": "1"}
    tidy = "rm -f /dev/shm/faketime_shm_$$ /dev/shm/sem.faketime_sem_$$ 2>/dev/null"
    become = ["/bin/sh", "-c", f'{tidy}; exec env "$@"', "sh"]
    return [*become, *(f"{name}={value}" for name, value in settings.items()), *command]


def shell(kinds: set[str]) -> str:
    """The shell that runs a command: the user's, as DVC has it, or another."""
    return "/bin/sh" if "shell" in kinds else os.environ.get("SHELL") or "/bin/sh"


@cache
def libfaketime() -> str:
    """What to preload for another date, or "" where libfaketime is not installed or does not work.

    Its command says where it is, though not each time: it stops where a killed process of the same number, which may be
    another's, left something in shared memory.
    """
    if not shutil.which("faketime"):
        return ""
    command = ["faketime", "-f", "+1d", "printenv", "LD_PRELOAD"]
    for _ in range(_TRIES):
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if result.returncode == 0:
            return result.stdout.strip()
    return ""


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


def _other_zone() -> str:
    return "NPT-5:45" if os.environ.get("TZ") != "NPT-5:45" else "UTC"


def _other_locale() -> str:
    name = next((os.environ[key] for key in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(key)), "C")
    return "C.UTF-8" if name in ("C", "POSIX") else "C"
