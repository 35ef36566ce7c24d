"""Compares what a project declares with what its notebooks and modules say. Nothing runs."""

import os
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from posixpath import normpath
from typing import Any

from recommit import Refusal
from recommit.check.declared import Declared, Finding, entry_of, holds_modules
from recommit.check.leftovers import names_left
from recommit.check.outs import faults_of_outs
from recommit.check.uses import Code, files_named
from recommit.notebook.contract import ContractError, check_contract
from recommit.project.dvcyaml import templates
from recommit.project.files import REQUIREMENTS
from recommit.project.left_out import refuse_others
from recommit.project.params import LEAVE_OUT, declared_values, leaves
from recommit.project.pipeline import Stage, is_in
from recommit.project.yaml import read_params

_FIX = "`recommit check --fix`"
_TEMPLATE = re.compile(r"\$\{([^}]*)\}")
# What `nbstripout --keep-id` takes out, and with it `make format`.
_CELL_NOISE = ("collapsed", "ExecuteTime", "execution", "heading_collapsed", "hidden", "scrolled")


def check(declared: Declared) -> list[Finding]:
    """Returns all faults of the project, each once. Raises Refusal if dvc.yaml itself cannot be read."""
    code = Code(declared.folder)
    found = [
        *_other_pipelines(declared.folder),
        *_described(declared),
        *_misplaced(declared),
        *declared.unreadable,
        *_noise(declared),
        *_left_out(declared),
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
    found += [*faults_of_outs(declared), *_idle_parameters(declared)]
    found += [
        Finding("dvc.lock", f"dvc.yaml has no stage {name} any more: `recommit check --fix` removes what it left")
        for name in names_left(declared.folder, declared.stages)
    ]
    return list(dict.fromkeys(found))


def undeclared_code(stage: Stage, code: Code, folder: Path) -> list[Finding]:
    """Returns where the deps of `stage` differ from the code that its command runs.

    This code is its modules, its notebook, the kernel and the lock file.
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
        *(Finding(entry_of(stage), f"uses {file} and does not declare it: {_FIX} adds it") for file in missing),
        *(Finding(entry_of(stage), f"declares {dep} and does not use it: {_FIX} takes it out") for dep in idle),
    ]


def _other_pipelines(folder: Path) -> Iterator[Finding]:
    """Yields each dvc.yaml in a folder below the project: DVC runs its stages too, and it is not checked here."""
    for place, folders, files in os.walk(folder):
        theirs = (".dvc", "pyvenv.cfg")  # marks of another DVC project and of an environment
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


def _misplaced(declared: Declared) -> Iterator[Finding]:
    """Yields each entry outside `stages` that is a stage by its cmd: DVC does not run it."""
    for part, entries in declared.pipeline.items():
        if part != "stages" and isinstance(entries, Mapping):
            for name, entry in entries.items():
                if isinstance(entry, Mapping) and "cmd" in entry:
                    yield Finding(
                        f"dvc.yaml: {part}: {name}", "it has a cmd, and no stage stands here: move it to stages"
                    )


def _noise(declared: Declared) -> Iterator[Finding]:
    """Yields the outputs and metadata that a run or an editor left in a notebook, which should hold only sources."""
    for name, notebook in declared.readable.items():
        noise = {"metadata widgets"} if "widgets" in notebook.metadata else set()
        for cell in notebook.cells:
            noise |= {f"cell metadata {key}" for key in _CELL_NOISE if key in cell.metadata}
            noise |= {key.replace("_", " ") for key in ("outputs", "execution_count") if cell.get(key)}
        if noise:
            yield Finding(
                name, f"it holds {', '.join(sorted(noise))}; expected only sources: `make format` removes the rest"
            )


def _contracts(declared: Declared) -> Iterator[Finding]:
    """Yields where a parameters cell, dvc.yaml and params.yaml disagree.

    A fault that several items of a matrix stage share is reported for the first item only.
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
            where = f"{stage.notebook} (stage {stage.name})" if notebook else entry_of(stage)
            yield from (Finding(where, what) for what in problems if (stage.notebook, what) not in told)
            told |= {(stage.notebook, what) for what in problems}


def _left_out(declared: Declared) -> Iterator[Finding]:
    """Yields what params.yaml may not leave out, and stages that would not run when `leave_out` changes."""
    try:
        refuse_others(declared.folder)
    except Refusal as refusal:
        where, _, what = str(refusal).partition(": ")
        yield Finding(where, what)
        return
    params = {stage.family: stage.params for stage in declared.stages}
    for name in read_params(declared.folder).get(LEAVE_OUT, {}):
        key = f"{LEAVE_OUT}.{name}"
        if name not in params:
            yield Finding("params.yaml", f"it has {key}, and dvc.yaml has no stage {name}: take it out")
        elif key not in params[name]:
            yield Finding(f"dvc.yaml: stage {name}", f"params.yaml has {key}: declare it in the stage's params")


def _undeclared_files(stage: Stage, code: Code) -> Iterator[Finding]:
    """Yields the files that a notebook's cells name and its stage does not declare.

    For an f-string, the text before the first value that is known only in a run counts.
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


def _idle_parameters(declared: Declared) -> Iterator[Finding]:
    """Yields the parameters that no stage declares and no template uses.

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
