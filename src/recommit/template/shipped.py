"""The files that a new project gets as they are, and the machinery's wheel: from a tree, or as installed."""

import json
import re
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from recommit import Refusal
from recommit.project.vendored import unlike_the_wheel

OWN = ("notebooks/ingest.ipynb", "notebooks/explore.ipynb")
"""The notebooks that are a project's own: what they show depends on its table."""
_RUN = re.compile(r"^    cmd: recommit run (\S+)$", re.MULTILINE)
_INSTALLED = Path(__file__).with_name("shipped")
_TREE = Path(__file__).parents[3]


def shipped(name: str) -> bytes:
    """Returns the content of one of the machinery's files, for example locks/run.txt, by its name in its repository.

    A wheel holds these files in recommit/template/shipped; in a tree they lie at the root.
    """
    return (_source() / name).read_bytes()


def notebooks() -> list[str]:
    """Returns the names of all generic notebooks: those of the machinery's own pipeline, less those of a project."""
    return sorted({*_RUN.findall(shipped("dvc.yaml").decode())} - {*OWN})


@cache
def wheel() -> tuple[str, bytes]:
    """Returns the name and the bytes of the machinery's wheel: built from the tree, or the one that was installed.

    Raises Refusal where it cannot be built, or where the wheel that this machinery was installed from is not there any
    more or holds other files.
    """
    return _found() if _INSTALLED.is_dir() else _built()


def _source() -> Path:
    return _INSTALLED if _INSTALLED.is_dir() else _TREE


def _built() -> tuple[str, bytes]:
    with TemporaryDirectory() as place:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place]
        result = subprocess.run(command, cwd=_TREE, capture_output=True, text=True)
        made = next(iter(Path(place).glob("*.whl")), None)
        if result.returncode or made is None:
            raise Refusal(f"{_TREE}: its wheel cannot be built: {(result.stderr or result.stdout).strip()}")
        return made.name, made.read_bytes()


def _found() -> tuple[str, bytes]:
    said = metadata.distribution("recommit").read_text("direct_url.json")
    place = Path(unquote(urlsplit(json.loads(said)["url"]).path)) if said else None
    if place is None or not place.is_file():
        raise Refusal(
            f"a new project needs the wheel of this machinery, and {place or 'its origin'} is not there: "
            "run this in an environment of a project that keeps the wheel in vendor/"
        )
    for line in unlike_the_wheel(place, "recommit"):
        raise Refusal(f"{line}: a new project would get another machinery than this one: make this environment anew")
    return place.name, place.read_bytes()
