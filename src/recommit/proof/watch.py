"""What a replay opened, wrote and called outside what its stage declares, seen with strace."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from recommit.proof.commit import is_in

_CALLS = "?open,openat,?openat2,?creat,connect,sendto"
# `1234 openat(AT_FDCWD</cwd>, "name", O_RDONLY) = 3</real/path>`; strings may hold escapes.
_OPENED = re.compile(
    r'\b(?:open|openat|openat2|creat)\((?:[^",]*?<(?P<base>[^>]*)>, )?"(?P<name>(?:[^"\\]|\\.)*)", ?(?P<how>.*)'
)
_RESULT = re.compile(r"\) += (?P<code>-?\d+)")
_ADDRESS = re.compile(
    r"sa_family=AF_INET6?, sin6?_port=htons\((?P<port>\d+)\).*?"
    r'(?:inet_addr\("(?P<v4>[^"]+)"\)|inet_pton\(AF_INET6, "(?P<v6>[^"]+)")'
)
# What is the machine's own and not the project's: programs, libraries, settings, fonts and their caches.
_SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/dev", "/run", "/opt", "/nix"),
    *("/var/cache/fontconfig", "/.dockerenv"),
)
_SCRATCH = ("/dev", "/proc", "/var/cache/fontconfig")


@dataclass(frozen=True)
class Opened:
    """A file that was opened, or that was tried: by its full path, and whether to write."""

    path: str
    to_write: bool
    succeeded: bool


@dataclass(frozen=True)
class Seen:
    """What a process and its children opened, and the network addresses that they called."""

    opened: frozenset[Opened]
    called: frozenset[str]


@cache
def strace() -> str:
    """Why opened files cannot be watched here, or "" where they can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    with tempfile.NamedTemporaryFile() as log:
        command = ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-e", f"trace={_CALLS}", "-o", log.name, "true"]
        result = subprocess.run(command, capture_output=True, text=True)
    said = result.stderr.strip().splitlines() or ["it failed"]
    return f"strace does not work here: {said[-1]}" if result.returncode else ""


def watched(command: list[str], log: Path) -> list[str]:
    """The command under strace, which writes to `log`; costs little, as only opening and calling stop the process."""
    return [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-y",
        "-s",
        "4096",
        "-e",
        f"trace={_CALLS}",
        "-o",
        str(log),
        *command,
    ]


def read(log: Path) -> Seen:
    """What the log of `watched` says."""
    opened, called = set(), set()
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if match := _OPENED.search(line):
                opened.add(_opened(match))
            elif match := _ADDRESS.search(line):
                called.add(f"{match['v4'] or match['v6']} port {match['port']}")
    return Seen(frozenset(opened), frozenset(called))


def _opened(match: re.Match[str]) -> Opened:
    path = Path(_plain(match["base"] or "/")) / _plain(match["name"])
    result = _RESULT.search(match["how"])  # absent where another thread's call came between: then it is not known
    flags = match["how"].partition(")")[0]
    return Opened(
        path=str(Path(_normal(path))),
        to_write=any(flag in flags for flag in ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")),
        succeeded=result is None or int(result["code"]) >= 0,
    )


def _plain(quoted: str) -> str:
    """A string without strace's escapes, which are of bytes."""
    return quoted.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1").decode("utf-8")


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts[1:]:
        if part == "..":
            del parts[-1:]
        else:
            parts.append(part)
    return "/" + "/".join(parts)


@dataclass(frozen=True)
class Bounds:
    """What a stage may open: `declared` in the sandbox `folder`; `ours` are folders of the replay itself.

    `known` are the project's files and outs: to try to open one of them is to depend on it, there or not. `project`
    is the user's checkout, which no stage may read, but for the environment in it.
    """

    folder: Path
    declared: frozenset[str]
    known: frozenset[str]
    ours: tuple[str, ...]
    project: Path
    environment: Path


def undeclared(seen: Seen, bounds: Bounds) -> Iterator[str]:
    """Each file that was read or written, and each address that was called, without being declared; in words."""
    found = {line for opened in seen.opened for line in _trespass(opened, bounds)}
    yield from sorted(found)
    yield from (f"called the network: {address}" for address in sorted(seen.called))


def _trespass(opened: Opened, bounds: Bounds) -> Iterator[str]:
    path = opened.path
    if _in(path, [str(bounds.folder)]):
        name = path[len(str(bounds.folder)) + 1 :]
        declared = any(is_in(name, declared) for declared in bounds.declared)
        if name in bounds.known and not declared and not opened.to_write:
            yield f"read {name}"
        return
    if not opened.succeeded or _in(path, bounds.ours):
        return
    in_environment = _in(path, [str(bounds.environment), sys.base_prefix])
    if _in(path, [str(bounds.project)]) and not in_environment:
        what = path[len(str(bounds.project)) + 1 :]
        if Path(path).is_file():
            yield f"{'wrote' if opened.to_write else 'read'} {what} of the checkout itself, {path}"
    elif opened.to_write:
        if not _in(path, _SCRATCH) and "__pycache__" not in path:
            yield f"wrote {path}"
    elif not in_environment and not _in(path, _SYSTEM) and Path(path).is_file():
        yield f"read {path}"


def _in(path: str, folders: Iterable[str]) -> bool:
    return any(is_in(path, folder) for folder in folders)
