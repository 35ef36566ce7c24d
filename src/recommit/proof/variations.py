"""Variations: what must not matter to a result, and so is different in a replay, such as its folder or its date.

The idea is that of reprotest, of the reproducible-builds project: build twice, vary everything, compare.
"""

import operator
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, reduce

# Variables that a replay never gets: they name another run, another repository or another date.
_NEVER = ("DVC_", "GIT_", "RECOMMIT_", "FAKETIME", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE")
_NEVER_ALONE = ("_", "PWD", "OLDPWD", "SHLVL")
# Variables that a replay always gets: where programs are, and for which CPU libraries compute.
_ALWAYS = ("PATH", "OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", "LD_LIBRARY_PATH")
_LOCALE = ("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_NUMERIC", "LC_TIME", "LC_MESSAGES")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# Not a whole number of days, so that the hour is different, too.
_LATER_SECONDS = (400 * 24 + 7) * 3600 + 13 * 60
_TRIES = 100
_SET_BY_US = {"HOME", "TMPDIR", "TZ", "SHELL", *_LOCALE, *_THREADS}


@dataclass(frozen=True)
class Changes:
    """How a replay differs from an ordinary run. A field that is false, 0 or empty changes nothing.

    `variables` are set in the environment, and the user's `withheld_variables` are removed from it. The sandbox lacks
    the keys `withheld_parameters` of params.yaml and the files `withheld_files`. Every Python first makes the calls
    `at_start`, to functions of `recommit.proof.python_startup`.
    """

    another_folder: bool = False
    empty_home: bool = False
    one_cpu: bool = False
    later_date: bool = False
    umask: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    at_start: frozenset[str] = frozenset()
    withheld_variables: frozenset[str] = frozenset()
    withheld_parameters: frozenset[str] = frozenset()
    withheld_files: frozenset[str] = frozenset()

    def __or__(self, other: "Changes") -> "Changes":
        """Returns the changes of `self` and `other` together."""
        return Changes(**{each.name: getattr(self, each.name) | getattr(other, each.name) for each in fields(self)})

    def environment(self, home: str, tmp: str, programs: str) -> dict[str, str]:
        """Returns the environment variables of a replay's command.

        `home` and `tmp` are its home and temporary folder, `programs` is the folder of the environment's commands.
        """
        handed_on = {name: value for name, value in _users().items() if name not in self.withheld_variables}
        ours = {
            "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "SHELL": os.environ.get("SHELL") or "/bin/sh",  # as DVC has it
            "TMPDIR": tmp,
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return {**handed_on, **ours, **({"HOME": home} if self.empty_home else {}), **self.variables}


@dataclass(frozen=True)
class Variation:
    """One thing that must not matter: its `kind`, `how` a replay varies it, and what this `changes`.

    `described` is how a diagnosis calls it if a result depends on it; without it, by kind and how.
    """

    kind: str
    how: str
    changes: Changes = Changes()
    described: str = ""

    @property
    def cause(self) -> str:
        """What a result depends on if this variation changes it, in words."""
        return self.described or f"the {self.kind} ({self.how})"


SEEDED = Variation("random numbers", "seeded", Changes(at_start=frozenset({"seed_generators()"})))
"""A diagnosis uses it to find unseeded randomness; a proof does not."""


def together(varied: Iterable[Variation]) -> Changes:
    """Returns the changes of all variations together."""
    return reduce(operator.or_, (variation.changes for variation in varied), Changes())


def surroundings() -> list[Variation]:
    """Returns the variations that this machine can make, without the user's environment variables.

    For these, see `withheld_variables`.
    """
    zone, locale, cpus = _other_zone(), _other_locale(), len(os.sched_getaffinity(0))
    varied = [
        Variation("path", "another folder, with a space in its name", Changes(another_folder=True)),
        Variation("home", "an empty one", Changes(empty_home=True)),
        Variation("time zone", zone, Changes(variables={"TZ": zone})),
        Variation("locale", locale, _in_locale(locale)),
        Variation("umask", "077", Changes(umask=0o077)),
        Variation("shell", "/bin/sh", Changes(variables={"SHELL": "/bin/sh"})),
        Variation("hash seed", "4242 where a process is free to choose", Changes(variables={"PYTHONHASHSEED": "4242"})),
        Variation(
            "thread count", "3 where a process is free to choose", Changes(variables=dict.fromkeys(_THREADS, "3"))
        ),
        Variation("directory order", "folders list in reverse", Changes(at_start=frozenset({"reverse_folders()"}))),
    ]
    if cpus > 1:
        one = Changes(one_cpu=True, at_start=frozenset({"count_one_cpu()"}))
        varied.append(Variation("visible CPUs", f"1 of {cpus}", one))
    if libfaketime():
        varied.append(Variation("date", "400 days, 7 hours and 13 minutes on", Changes(later_date=True)))
    return varied


def withheld_variables() -> list[Variation]:
    """Returns one variation for each environment variable of the user: the replay does not get it."""
    return [
        Variation(
            "variable",
            name,
            Changes(withheld_variables=frozenset({name})),
            f"the environment variable {name}, which the stage reads and nothing declares",
        )
        for name in sorted(_users())
        if name not in {*_ALWAYS, *_SET_BY_US}
    ]


def without_parameter(key: str) -> Variation:
    """Returns the variation that takes the dotted `key` out of params.yaml."""
    described = f"the parameter {key}, which the stage reads and dvc.yaml does not declare"
    return Variation("parameter", key, Changes(withheld_parameters=frozenset({key})), described)


def without_file(name: str) -> Variation:
    """Returns the variation that takes the file `name` out of the sandbox."""
    described = f"the file {name}, which the stage reads and dvc.yaml does not declare"
    return Variation("file", name, Changes(withheld_files=frozenset({name})), described)


def _users() -> dict[str, str]:
    names = (name for name in os.environ if not name.startswith(_NEVER) and name not in _NEVER_ALONE)
    return {name: os.environ[name] for name in names}


def dated(command: list[str]) -> list[str]:
    """Returns the command line that runs `command` at a later date.

    The process that first loads libfaketime makes shared memory, named by its number, and removes it when it ends. So
    the variables are set for the program itself, and not for a shell that then becomes the program. Memory left by a
    killed process with the same number is removed first.
    """
    settings = {"LD_PRELOAD": libfaketime(), "FAKETIME": f"+{_LATER_SECONDS}", "NO_FAKE_STAT": "1"}
    tidy = "rm -f /dev/shm/faketime_shm_$$ /dev/shm/sem.faketime_sem_$$ 2>/dev/null"
    become = ["/bin/sh", "-c", f'{tidy}; exec env "$@"', "sh"]
    return [*become, *(f"{name}={value}" for name, value in settings.items()), *command]


@cache
def libfaketime() -> str:
    """Returns the path of libfaketime's library, or "" if it is not installed or does not work.

    Its command `faketime` tells the path. It is tried several times, because it fails if a killed process with the same
    number left shared memory.
    """
    if not shutil.which("faketime"):
        return ""
    command = ["faketime", "-f", "+1d", "printenv", "LD_PRELOAD"]
    for _ in range(_TRIES):
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if result.returncode == 0:
            return result.stdout.strip()
    return ""


def _other_zone() -> str:
    return "NPT-5:45" if os.environ.get("TZ") != "NPT-5:45" else "UTC"


def _other_locale() -> str:
    name = next((os.environ[key] for key in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(key)), "C")
    return "C.UTF-8" if name in ("C", "POSIX") else "C"


def _in_locale(locale: str) -> Changes:
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"} if locale == "C" else {}  # or Python would make it UTF-8
    return Changes(variables={"LC_ALL": locale, **plain}, withheld_variables=frozenset(_LOCALE))
