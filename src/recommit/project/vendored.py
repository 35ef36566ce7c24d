"""Compares installed packages with the wheels that a project keeps in vendor/."""

import base64
import csv
import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

from recommit import Refusal
from recommit.project.files import REQUIREMENTS

_LINE = re.compile(r"^([A-Za-z0-9._-]+) @ file:(\S+)(?:\s*\\?\s*--hash=sha256:([0-9a-f]{64}))?", re.MULTILINE)


def unlike_the_wheels(folder: Path, path: Sequence[str] | None = None) -> Iterator[str]:
    """Compares each wheel that locks/run.txt in `folder` names by its path with the installed package.

    Yields one line per package or file that is missing or was changed. `path` are the folders in which packages are
    installed, by default those of this Python. Raises Refusal if a wheel is missing, or has another SHA-256 than in the
    lock file.
    """
    for name, wheel in wheels_of(folder):
        yield from unlike_the_wheel(wheel, name, path, wheel.relative_to(folder).as_posix())


def wheels_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """The name and the place of each wheel of its own that the project in `folder` takes a package from.

    Raises Refusal as above.
    """
    lock = folder / REQUIREMENTS
    for name, wheel, sha256 in _LINE.findall(lock.read_text(encoding="utf-8") if lock.is_file() else ""):
        yield name, _checked(folder, wheel, sha256)


def refuse_another_machinery(folder: Path) -> None:
    """Raises Refusal where what is installed is not what the wheels of the project in `folder` hold.

    Its results would stand beside a lock file that names another machinery. A replay holds no wheel: `recommit verify`
    has compared before. A tree with src/recommit runs that.
    """
    in_use = (folder / "vendor").is_dir() and not (folder / "src/recommit").is_dir()
    if in_use and (unlike := next(unlike_the_wheels(folder), None)):
        raise Refusal(f"{unlike}: `make env` installs what {REQUIREMENTS} names")


def unlike_the_wheel(
    place: Path, name: str, path: Sequence[str] | None = None, called: str | None = None
) -> Iterator[str]:
    """Yields one line per file of the package `name` that is missing or differs from the wheel at `place`.

    `path` are the folders in which packages are installed; `called` is the wheel's name in the lines.
    """
    wheel = called or str(place)
    found = next(iter(metadata.distributions(name=name, path=list(sys.path if path is None else path))), None)
    files = _files(place, wheel)
    if found is None:
        yield f"{name} is not installed, and {wheel} holds it"
        return
    if found.version != (kept := PurePosixPath(wheel).name.split("-")[1]):
        yield f"{name} {found.version} is installed, and {wheel} holds {kept}"
        return
    for file, recorded in files.items():
        installed = Path(str(found.locate_file(file)))
        if not installed.is_file():
            yield f"{file} is missing where {name} is installed, and {wheel} holds it"
        elif _digest(installed.read_bytes()) != recorded:
            yield f"{file} was changed where {name} is installed: it is not as in {wheel}"


def _checked(folder: Path, wheel: str, sha256: str) -> Path:
    """Returns the path of `wheel` in `folder`. Raises Refusal if it is missing or has another hash than `sha256`."""
    place = folder / wheel
    if not place.is_file():
        raise Refusal(f"{REQUIREMENTS} takes a package from {wheel}, which is not there: `git restore {wheel}`")
    if hashlib.sha256(place.read_bytes()).hexdigest() != sha256:
        raise Refusal(f"{wheel} is not the file that {REQUIREMENTS} names by its SHA-256: `git restore {wheel}`")
    return place


def _files(place: Path, wheel: str) -> dict[str, str]:
    """Returns the files that an installation copies from the wheel unchanged, with their digests in its RECORD."""
    try:
        with ZipFile(place) as content:
            record = next(name for name in content.namelist() if name.endswith(".dist-info/RECORD"))
            rows = list(csv.reader(content.read(record).decode().splitlines()))
    except (BadZipFile, StopIteration, UnicodeDecodeError) as error:
        raise Refusal(f"{wheel} is not a wheel: {error or 'it has no RECORD'}") from None
    copied = (row for row in rows if row[1] and ".data" not in PurePosixPath(row[0]).parts[0])
    return {name: digest for name, digest, *_ in copied}


def _digest(content: bytes) -> str:
    """Returns the digest of a file's `content` as RECORD has it (PEP 376)."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
