"""What must not matter to a result, and therefore differs in a replay: where it runs, for whom, and when.

The idea is that of reprotest, of the reproducible-builds project: build twice, vary everything, compare.
"""

import operator
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, reduce

# Never handed on to a replay: variables that name another run, another repository, another date.
_NEVER = ("DVC_", "GIT_", "RECOMMIT_", "FAKETIME", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE")
_NEVER_ALONE = ("_", "PWD", "OLDPWD", "SHLVL")
# Always handed on: where programs are, and which kind of machine libraries see.
_ALWAYS = ("PATH", "OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", "LD_LIBRARY_PATH")
_LOCALE = ("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_NUMERIC", "LC_TIME", "LC_MESSAGES")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# Not a number of whole days: the hour differs, too.
_LATER_SECONDS = (400 * 24 + 7) * 3600 + 13 * 60
_TRIES = 100
_SET_BY_US = {"HOME", "TMPDIR", "TZ", "SHELL", *_LOCALE, *_THREADS}


@dataclass(frozen=True)
class Changes:
    """How a replay differs from a run here. A field that is false, 0 or empty changes nothing.

    `variables` are set in the environment; `withheld_variables` of the user's are not handed on. The sandbox lacks the
    keys `withheld_parameters` of params.yaml and the files `withheld_files`. Every Python first makes the calls
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
        """Returns the changes of both."""
        return Changes(**{each.name: getattr(self, each.name) | getattr(other, each.name) for each in fields(self)})

    def environment(self, home: str, tmp: str, programs: str) -> dict[str, str]:
        """Returns the environment of a replay's command.

        `home` and `tmp` are its home and temporary folder, `programs` is the folder of the environment's own commands.
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
    """One thing that must not matter and that a replay changes: its `kind`, `how`, and what it `changes`.

    `described` is what a diagnosis calls it when a result depends on it, if that is more than kind and how.
    """

    kind: str
    how: str
    changes: Changes = Changes()
    described: str = ""

    @property
    def cause(self) -> str:
        """What a result depends on, in words, when this variation changes it."""
        return self.described or f"the {self.kind} ({self.how})"


SEEDED = Variation("random numbers", "seeded", Changes(at_start=frozenset({"seed_generators()"})))
"""A diagnosis tells by this whether a result depends on unseeded randomness; a proof does not vary it."""


def together(varied: Iterable[Variation]) -> Changes:
    """Returns what all of `varied` change."""
    return reduce(operator.or_, (variation.changes for variation in varied), Changes())


def surroundings() -> list[Variation]:
    """Returns the variations of where, for whom and when a stage runs that this machine can make.

    The user's environment variables are not among them: see `withheld_variables`.
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
    """Returns one variation for each of the user's environment variables: a replay without it."""
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
    """Returns `command` as one that runs at a later date.

    libfaketime keeps shared memory that is named by the number of the process that first loads it, and removes it when
    that process ends. So the variables are set for the program itself, not for a shell that then becomes the program.
    Memory that a killed process of the same number left is removed first.
    """
    settings = {"LD_PRELOAD": libfaketime(), "FAKETIME": f"+{_LATER_SECONDS}", "NO_FAKE_STAT": "1"}
    tidy = "rm -f /dev/shm/faketime_shm_$$ /dev/shm/sem.faketime_sem_$$ 2>/dev/null"
    become = ["/bin/sh", "-c", f'{tidy}; exec env "$@"', "sh"]
    return [*become, *(f"{name}={value}" for name, value in settings.items()), *command]


@cache
def libfaketime() -> str:
    """Returns the library to preload for another date, or "" where libfaketime is not installed or does not work.

    Its command tells it, but not each time: it fails where a killed process of the same number, which may be another
    user's, left shared memory.
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
