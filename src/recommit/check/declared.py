"""What the project declares, compared with what its notebooks and modules say. Nothing runs."""

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from operator import itemgetter
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from nbformat import NotebookNode

from recommit import Refusal
from recommit.check.uses import Code, files_named
from recommit.notebook.contract import ContractError, check_contract
from recommit.notebook.run import read_notebook
from recommit.project.files import REQUIREMENTS
from recommit.project.params import declared_values, leaves
from recommit.project.pipeline import Stage, is_in, stages, templates
from recommit.project.yaml import read_params, read_yaml

_FIX = "`recommit check --fix`"
_TEMPLATE = re.compile(r"\$\{([^}]*)\}")
# What `nbstripout --keep-id` takes out, and with it `make format`.
_CELL_NOISE = ("collapsed", "ExecuteTime", "execution", "heading_collapsed", "hidden", "scrolled")
_FIGURES = (".png", ".svg", ".jpg", ".jpeg", ".gif")
_CURVES = (".csv", ".tsv", ".json")


@dataclass(frozen=True)
class Finding:
    """One thing to mend: `where` is the file and stage; `what` says what was found, what is expected, what to do."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Declared:
    """What the project in `folder` declares. Each file is read when it is first needed, and once."""

    folder: Path

    @cached_property
    def pipeline(self) -> dict[str, Any]:
        """dvc.yaml as it is written."""
        return read_yaml(self.folder / "dvc.yaml")

    @cached_property
    def entries(self) -> dict[str, Any]:
        """The stages as they are written, by name."""
        return self.pipeline.get("stages") or {}

    @cached_property
    def stages(self) -> list[Stage]:
        """The stages with their templates filled in, matrix stages item by item."""
        return stages(self.folder)

    @cached_property
    def notebooks(self) -> list[str]:
        """Every notebook that a stage runs, whether the file exists or not."""
        return sorted({stage.notebook for stage in self.stages if stage.notebook})

    @property
    def scratch(self) -> list[str]:
        """The notebooks in notebooks/ that no stage runs: they are not checked, because nothing depends on them."""
        found = (path.relative_to(self.folder) for path in (self.folder / "notebooks").rglob("*.ipynb"))
        seen = {path.as_posix() for path in found if ".ipynb_checkpoints" not in path.parts}
        return sorted(seen - set(self.notebooks))

    @cached_property
    def _read(self) -> dict[str, NotebookNode | Finding]:
        return {name: _notebook(self.folder, name) for name in self.notebooks}

    @property
    def readable(self) -> dict[str, NotebookNode]:
        """The notebooks that can be read, by name."""
        return {name: read for name, read in self._read.items() if not isinstance(read, Finding)}

    @property
    def unreadable(self) -> list[Finding]:
        """One finding for each notebook that cannot be read."""
        return [read for read in self._read.values() if isinstance(read, Finding)]


def check(declared: Declared) -> list[Finding]:
    """Returns everything to mend in the project, each once. Raises `Refusal` where dvc.yaml itself cannot be read."""
    code = Code(declared.folder)
    found = [
        *_other_pipelines(declared.folder),
        *_described(declared),
        *declared.unreadable,
        *_noise(declared),
        *_contracts(declared),
    ]
    for stage in declared.stages:
        if not stage.notebook or stage.notebook in declared.readable:
            found += [*undeclared_code(stage, code, declared.folder), *_undeclared_files(stage, code)]
    found += [
        Finding(name, f"it imports {module}, and there is no such module: mend the import, or add the module")
        for name in declared.readable
        for module in sorted(code.missing(name))
    ]
    found += [*_outs(declared), *_unregistered(declared), *_unwritten(declared), *_idle_parameters(declared)]
    return list(dict.fromkeys(found))


def undeclared_code(stage: Stage, code: Code, folder: Path) -> list[Finding]:
    """Returns where the deps of `stage` differ from the code that its command runs.

    That code is its modules, its notebook, the kernel and the lock file.
    """
    if len(stage.words) < 2:
        return []
    try:
        used = code.used_by(stage)
        needed = [REQUIREMENTS, *sorted(filter(code.holds_code, used))]
    except Refusal as refusal:
        where, _, what = str(refusal).removeprefix(f"{folder}/").partition(": ")
        return [Finding(where, what)]
    if stage.notebook:
        needed += [stage.notebook, *code.kernel()]
    deps = [normpath(dep) for dep in stage.deps]
    missing = [file for file in needed if not any(is_in(file, dep) for dep in deps)]
    modules = [dep for dep in deps if dep.startswith("src/") and holds_modules(folder / dep)]
    idle = [dep for dep in modules if not any(is_in(file, dep) for file in used)]
    return [
        *(Finding(_entry(stage), f"uses {file} and does not declare it: {_FIX} adds it") for file in missing),
        *(Finding(_entry(stage), f"declares {dep} and does not use it: {_FIX} takes it out") for dep in idle),
    ]


def _notebook(folder: Path, name: str) -> NotebookNode | Finding:
    if not (folder / name).is_file():
        return Finding(name, "there is no such notebook, and a stage of dvc.yaml runs it: add it, or mend the path")
    try:
        return read_notebook(folder / name)
    except Refusal as refusal:
        return Finding(name, str(refusal).removeprefix(f"{folder / name}: "))


def _other_pipelines(folder: Path) -> Iterator[Finding]:
    """Yields each dvc.yaml in a folder below the project: DVC runs its stages too, and no check here reads it."""
    for place, folders, files in os.walk(folder):
        theirs = (".dvc", "pyvenv.cfg")  # another project of DVC's, an environment
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and not any(Path(place, name, mark).exists() for mark in theirs)
        ]
        if Path(place) != folder:
            for name in sorted({"dvc.yaml"} & {*files}):
                where = Path(place, name).relative_to(folder).as_posix()
                yield Finding(
                    where, "a second pipeline, whose stages DVC runs too: move them to the project's dvc.yaml"
                )


def _described(declared: Declared) -> Iterator[Finding]:
    for name, entry in declared.entries.items():
        if not str(entry.get("desc") or "").strip():
            yield Finding(f"dvc.yaml: stage {name}", "it has no desc: say in a line what it does")


def _noise(declared: Declared) -> Iterator[Finding]:
    """Yields what a run or an editor left in a notebook, which should hold sources alone."""
    for name, notebook in declared.readable.items():
        noise = {"metadata widgets"} if "widgets" in notebook.metadata else set()
        for cell in notebook.cells:
            noise |= {f"cell metadata {key}" for key in _CELL_NOISE if key in cell.metadata}
            noise |= {key.replace("_", " ") for key in ("outputs", "execution_count") if cell.get(key)}
        if noise:
            yield Finding(name, f"it holds {', '.join(sorted(noise))}; expected sources alone: `make format` mends it")


def _contracts(declared: Declared) -> Iterator[Finding]:
    """Yields where a parameters cell, dvc.yaml and params.yaml disagree.

    What several items of a matrix stage share is told of the first item only.
    """
    told: set[tuple[str | None, str]] = set()
    for stage in declared.stages:
        siblings = [other for other in declared.stages if other.notebook == stage.notebook]
        notebook = declared.readable.get(stage.notebook or "")
        try:
            if notebook:
                check_contract(declared.folder, notebook, stage, siblings)
            else:
                declared_values(stage, declared.folder)
        except Refusal as refusal:
            problems = refusal.problems if isinstance(refusal, ContractError) else [str(refusal)]
            where = f"{stage.notebook} (stage {stage.name})" if notebook else _entry(stage)
            yield from (Finding(where, what) for what in problems if (stage.notebook, what) not in told)
            told |= {(stage.notebook, what) for what in problems}


def _undeclared_files(stage: Stage, code: Code) -> Iterator[Finding]:
    """Yields the files that a notebook's cells name and its stage does not declare.

    Of an f-string, the part before the first piece that only a run can tell counts.
    """
    if not stage.notebook:
        return
    places = [normpath(place) for place in (*stage.deps, *stage.outs)]
    for name, whole in files_named(code.tree(stage.notebook), stage.item):
        known, beneath = (name, f"{name}/") if whole else (f"{name}...", name)
        if not any(is_in(name, place) or place.startswith(beneath) for place in places):
            yield Finding(
                f"{stage.notebook} (stage {stage.family})",
                f"it names {known}, which is neither under a dep nor an out of the stage: declare it in dvc.yaml",
            )


def _outs(declared: Declared) -> Iterator[Finding]:
    """Yields outs that two stages write, and outs that their own stage reads."""
    outs = sorted(((stage, normpath(out)) for stage in declared.stages for out in stage.outs), key=itemgetter(1))
    for (one, out), (other, later) in itertools.combinations(outs, 2):
        if later == out:
            yield Finding(_entry(one), f"{out} is an out of stage {other.family} too: give each a file of its own")
        elif is_in(later, out):
            yield Finding(_entry(other), f"{later} lies inside {out}, an out of stage {one.family}: move one")
    for stage, out in outs:
        for dep in map(normpath, stage.deps):
            if is_in(out, dep) or is_in(dep, out):
                yield Finding(_entry(stage), f"it reads {dep} and writes {out}: a stage's inputs are not its outputs")


def _unregistered(declared: Declared) -> Iterator[Finding]:
    """Yields outs that `dvc metrics` and `dvc plots` would not show.

    Data, models, evidence and advice are neither metrics nor plots.
    """
    listed = {section: [normpath(path) for path in _listed(declared, section)] for section in ("metrics", "plots")}
    for stage in declared.stages:
        plain = set(stage.outs) - {*stage.metrics, *stage.plots}
        for out in sorted(plain):
            section = _section(PurePosixPath(normpath(out)))
            if section and not any(is_in(normpath(out), path) for path in listed[section]):
                yield Finding(_entry(stage), f"`dvc {section} show` leaves {out} out: list it under {section}")


def _section(out: PurePosixPath) -> str | None:
    """Returns where an out belongs by its name: `metrics`, `plots` or None."""
    if out.parts[0] in ("data", "models") or out.parts[:2] in (("reports", "evidence"), ("reports", "advice")):
        return None
    drawn = out.suffix in _CURVES and out.parts[:2] in (("reports", "plots"), ("reports", "figures"))
    if drawn or out.suffix in _FIGURES:
        return "plots"
    return "metrics" if out.suffix == ".json" else None


def _unwritten(declared: Declared) -> Iterator[Finding]:
    """Yields metrics and plots that dvc.yaml lists outside its stages and that no stage writes."""
    outs = [normpath(out) for stage in declared.stages for out in stage.outs]
    for section in ("metrics", "plots"):
        for path in map(normpath, _listed(declared, section)):
            if not any(is_in(path, out) or is_in(out, path) for out in outs):
                yield Finding(f"dvc.yaml: {section}", f"{path} is no stage's out: take it out, or declare it")


def _listed(declared: Declared, section: str) -> Iterator[str]:
    """Yields the files that dvc.yaml lists under `metrics` or `plots` outside its stages.

    A plot may name them as what it draws on an axis.
    """
    for entry in declared.pipeline.get(section) or []:
        if isinstance(entry, str):
            yield entry
        else:
            for name, drawn in entry.items():
                axes = [axis for axis in (drawn or {}).values() if isinstance(axis, dict)]
                yield from (path for axis in axes for path in axis) if axes else [name]


def _idle_parameters(declared: Declared) -> Iterator[Finding]:
    """Yields the parameters that no stage declares and no template takes.

    A matrix value in a declared key stands for every key at its place.
    """
    taken = {key for text in _texts(declared.pipeline) for key in templates(text)}
    params = {key for entry in declared.entries.values() for key in _texts(entry.get("params"))}
    used = {key for key in taken if not key.startswith("item.")} | {_TEMPLATE.sub("*", key) for key in params}
    for leaf in leaves(read_params(declared.folder)):
        part_of_it = (key for key in taken if key.startswith(f"{leaf}."))  # one value of a list
        if not any(part_of_it) and not any(fnmatchcase(leaf, key) or fnmatchcase(leaf, f"{key}.*") for key in used):
            yield Finding("params.yaml", f"no stage declares {leaf}: declare it in dvc.yaml, or take it out")


def _texts(thing: Any) -> Iterator[str]:
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, Mapping):
        yield from (text for pair in thing.items() for part in pair for text in _texts(part))
    elif isinstance(thing, list):
        yield from (text for part in thing for text in _texts(part))


def _entry(stage: Stage) -> str:
    return f"dvc.yaml: stage {stage.family}"


def holds_modules(dep: Path) -> bool:
    """Returns whether `dep` is code, so that imports tell whether it is used; other files beside modules are data."""
    return dep.suffix == ".py" or not dep.exists() or any(dep.rglob("*.py"))
