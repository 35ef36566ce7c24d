"""Watches a replay by strace, and names the files and addresses that it used and its stage does not declare."""

import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from recommit.project.pipeline import is_in

_CALLS = "?open,openat,?openat2,?creat,?rename,?renameat,renameat2,?unlink,unlinkat,execve,connect,sendto,sendmsg"
# `1234 openat(AT_FDCWD</cwd>, "name", O_RDONLY) = 3</real/path>`; strings may hold escapes, which stand for bytes.
_CALL = re.compile(r"^\d+ +(?P<call>[a-z0-9]+)\((?P<rest>.*)")
_PATH = re.compile(r'(?:<(?P<base>[^>]*)>, )?"(?P<name>(?:[^"\\]|\\.)*)"')
_RESULT = re.compile(r"\) += (?P<code>-?\d+)(?:<(?P<real>/[^>]*)>)?")
_ADDRESS = re.compile(
    r"sa_family=AF_INET6?, sin6?_port=htons\((?P<port>\d+)\).*?"
    r'(?:inet_addr\("(?P<v4>[^"]+)"\)|inet_pton\(AF_INET6, "(?P<v6>[^"]+)")'
)
_WRITING = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")
# Folders of the machine, which do not belong to a project: programs, libraries, settings, fonts and their caches.
_SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/dev", "/nix"),
    *("/var/cache/fontconfig", "/.dockerenv"),
)
_SCRATCH = ("/dev", "/proc", "/var/cache/fontconfig")
_SOCKET = re.compile(r'sa_family=AF_UNIX, sun_path="(?P<path>/[^"]+)"')
# Services of the machine that every process may call: names of users and hosts, the log.
_SERVICES = ("/run/nscd/", "/var/run/nscd/", "/run/systemd/", "/var/run/dbus/", "/run/dbus/", "/dev/log")


@dataclass(frozen=True)
class Opened:
    """A file that a process opened, or tried to open: its full path, and whether for writing."""

    path: str
    to_write: bool
    succeeded: bool


@dataclass(frozen=True)
class Seen:
    """The files that a process and its children opened, and the network addresses and sockets that they called."""

    opened: frozenset[Opened]
    called: frozenset[str]


@cache
def strace() -> str:
    """Returns why strace cannot watch processes here, or "" if it can. It is tried with one file and one call."""
    if not shutil.which("strace"):
        return "strace is not installed"
    code = "import socket; open('seen').close(); socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "seen"
        path.touch()
        command = watched([sys.executable, "-I", "-S", "-c", code], Path(folder) / "log")
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        said = result.stderr.strip().splitlines() or ["it failed"]
        if result.returncode:
            return f"strace does not work here: {said[-1]}"
        seen = read(Path(folder) / "log")
    if Opened(str(path), to_write=False, succeeded=True) not in seen.opened or not seen.called:
        return "this strace does not show what it must: 5.16 or later does"
    return ""


def watched(command: list[str], log: Path) -> list[str]:
    """Returns the command line that runs `command` under strace with the log `log`, for few system calls only."""
    options = ["-f", "--seccomp-bpf", "-qq", "-y", "-s", "4096", "-e", f"trace={_CALLS}", "-o", str(log)]
    return ["strace", *options, *command]


def read(log: Path) -> Seen:
    """Returns what strace wrote to `log`."""
    opened: set[Opened] = set()
    called: set[str] = set()
    with log.open(encoding="utf-8", errors="surrogateescape") as lines:
        for match in filter(None, map(_CALL.match, lines)):
            if match["call"] not in ("connect", "sendto", "sendmsg"):
                opened.update(_opened(match["call"], match["rest"]))
            elif address := _ADDRESS.search(match["rest"]):
                called.add(f"{address['v4'] or address['v6']} port {address['port']}")
            elif socket := _SOCKET.search(match["rest"]):
                called.add(_plain(socket["path"]))
    return Seen(frozenset(opened), frozenset(called))


def _opened(call: str, rest: str) -> Iterator[Opened]:
    """Yields the paths of one system call. Renaming and removing count as writing."""
    result = _RESULT.search(rest)  # missing if another thread's call came between; then success is assumed
    names = list(_PATH.finditer(rest.partition(" = ")[0]))[: 1 if call.startswith(("open", "exec")) else None]
    to_write = not call.startswith(("open", "exec")) or any(flag in rest.partition(" = ")[0] for flag in _WRITING)
    for match in names:
        real = result["real"] if result and call.startswith("open") else None  # past links
        path = Path(_plain(real or match["base"] or "")) / ("" if real else _plain(match["name"]))
        if not path.is_absolute():  # rename(2) shows no folder; what was moved in the sandbox is found there
            continue
        yield Opened(posixpath.normpath(path), to_write, succeeded=result is None or int(result["code"]) >= 0)


def _plain(quoted: str) -> str:
    """Returns a string of strace with its escapes, which stand for bytes, replaced."""
    escaped = quoted.encode("latin-1", "backslashreplace").decode("unicode_escape")
    return escaped.encode("latin-1").decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Bounds:
    """What a stage may open: the `declared` paths in the sandbox `folder`.

    Paths that begin like one of `ours` belong to the replay itself. `known` are the project's files and outs: a stage
    that tries to open one of them depends on it, even if it is not there. `project` is the user's checkout, in which a
    stage may read only the `environment`.
    """

    folder: Path
    declared: frozenset[str]
    known: frozenset[str]
    ours: tuple[str, ...]
    project: Path
    environment: Path


def undeclared(seen: Seen, bounds: Bounds) -> Iterator[str]:
    """Yields a line for each undeclared file that was read or written, and each address that was called."""
    found = {line for opened in seen.opened for line in _undeclared_use(opened, bounds)}
    yield from sorted(found)
    for address in sorted(seen.called):
        if not address.startswith("/"):
            yield f"called the network: {address}"
        elif not address.startswith((*bounds.ours, *_SERVICES)):
            yield f"called the socket {address}"


def _undeclared_use(opened: Opened, bounds: Bounds) -> Iterator[str]:
    path = opened.path
    if _in(path, [str(bounds.folder)]):
        name = path[len(str(bounds.folder)) + 1 :]
        declared = any(is_in(name, declared) for declared in bounds.declared)
        if not declared and not opened.to_write and any(is_in(name, known) for known in bounds.known):
            yield f"read {name}"
        return
    if not opened.succeeded or path.startswith(bounds.ours):
        return
    in_environment = _in(path, [str(bounds.environment)])
    if _in(path, [str(bounds.project)]):
        if not in_environment and Path(path).exists():
            what = path[len(str(bounds.project)) + 1 :] or "the folder"
            yield f"{'wrote' if opened.to_write else 'read'} {what} of the checkout itself, {path}"
    elif opened.to_write:
        if not _in(path, _SCRATCH) and "__pycache__" not in path:
            yield f"wrote {path}"
    elif not in_environment and not _machines_own(path) and Path(path).is_file():
        yield f"read {path}"


def _machines_own(path: str) -> bool:
    return _in(path, [sys.base_prefix, *_SYSTEM]) and not _in(path, ["/dev/shm"])


def _in(path: str, folders: Iterable[str]) -> bool:
    return any(is_in(path, folder) for folder in folders)
