"""The packages that raw data comes in, as the commit's lock file pins them."""

import ast
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from recommit.lineage.snapshot import Snapshot
from recommit.project.files import REQUIREMENTS


@dataclass(frozen=True)
class Package:
    """A package of data: its name and version, and the sha256 of the archives that the lock file allows."""

    name: str
    version: str
    sha256: tuple[str, ...]


def packages_of(shot: Snapshot, code: Iterable[str]) -> tuple[Package, ...]:
    """The locked packages that a stage's own modules name in a text and never import: those are read as data.

    `code` are the paths that the stage depends on. `recommit` itself is left out: it knows of no data set.
    """
    files = sorted({file for path in code for file in shot.beneath(path) if file.endswith((".py", ".ipynb"))})
    files = [file for file in files if not file.startswith("src/recommit/")]
    pinned = {package.name: package for package in _pinned(shot.text(REQUIREMENTS))}
    named: set[str] = set()
    imported: set[str] = set()
    for source in (source for file in files for source in _sources(file, shot.text(file))):
        for node in ast.walk(source):
            if isinstance(node, ast.Import):
                imported |= {_plain(alias.name.partition(".")[0]) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(_plain(node.module.partition(".")[0]))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                named.add(_plain(node.value))
    return tuple(pinned[name] for name in sorted((named - imported) & pinned.keys() & _asked_for(shot)))


def _asked_for(shot: Snapshot) -> set[str]:
    """The packages that the project itself asks for; what those bring along is no data."""
    try:
        listed = tomllib.loads(shot.text("pyproject.toml")).get("project", {}).get("dependencies", [])
    except tomllib.TOMLDecodeError:
        return set()
    return {_plain(match[0]) for line in listed if (match := re.match(r"[A-Za-z0-9._-]+", line.strip()))}


def _sources(file: str, text: str) -> Iterator[ast.Module]:
    try:
        cells = [text]
        if file.endswith(".ipynb"):
            code = (cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code")
            cells = ["".join(cell["source"]) for cell in code]
        yield from (ast.parse(cell) for cell in cells)
    except (SyntaxError, ValueError, KeyError):
        return  # a cell with a magic, or no notebook at all: nothing to be learnt from it


def _pinned(lock: str) -> Iterator[Package]:
    for entry in re.split(r"\n(?=\S)", lock.replace("\\\n", " ")):
        if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", entry):
            yield Package(_plain(match[1]), match[2], tuple(sorted(re.findall(r"sha256:([0-9a-f]{64})", entry))))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
