"""The stages that dvc.yaml declares, with their templates filled in."""

import posixpath
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from recommit import Refusal
from recommit.project.dvcyaml import items_of, refused, resolver_of


@dataclass(frozen=True)
class Stage:
    """One stage of dvc.yaml, or one item of a matrix stage, with its templates filled in."""

    name: str
    cmd: str
    """Its commands, one per line, whether dvc.yaml has a text of several lines or a list."""
    params: tuple[str, ...] = ()
    item: Mapping[str, Any] = field(default_factory=dict)
    deps: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    """All outs, including metrics and plots."""
    metrics: tuple[str, ...] = ()
    plots: tuple[str, ...] = ()
    uncached: frozenset[str] = frozenset()
    """The outs with `cache: false`: Git keeps them."""
    persistent: frozenset[str] = frozenset()
    """The outs with `persist: true`: DVC leaves them in place when the stage runs again."""
    always_changed: bool = False
    """Whether DVC runs the stage every time, even if no input changed."""
    frozen: bool = False
    """Whether DVC never runs the stage."""
    desc: str = ""
    """What it does, in a line."""

    @property
    def family(self) -> str:
        """The stage's name in dvc.yaml: `train` for the matrix item `train@boosting-full`."""
        return self.name.partition("@")[0]

    @property
    def file_name(self) -> str:
        """The stage's name as a file name: a slash in a matrix value is quoted."""
        return quote(self.name, safe="@ ")

    @cached_property
    def words(self) -> list[str]:
        """The words, as a shell splits them, of the first command that calls `recommit`; empty if none does."""
        for command in self.cmd.splitlines():
            try:
                words = shlex.split(command)
            except ValueError as error:
                raise Refusal(f"dvc.yaml: stage {self.name}: no shell can read `{command}`: {error}") from None
            if words[:1] == ["recommit"]:
                return words
        return []

    @property
    def notebook(self) -> str | None:
        """The path in the project of the notebook that the command runs, or None."""
        words = self.words[2:] if self.words[1:2] == ["run"] else []
        return next((posixpath.normpath(word) for word in words if word.endswith(".ipynb")), None)

    @property
    def noted(self) -> dict[str, Any]:
        """What its executed notebook notes of it, for the report: the notebook, the data it reads, and its outs."""
        code = (self.notebook, "src", "locks")
        deps = sorted(dep for dep in self.deps if dep.split("/")[0] not in code and dep not in code)
        return {"notebook": self.notebook, "deps": deps, "outs": sorted(self.outs)}

    @property
    def executed(self) -> str:
        """The path in the project of the executed notebook, the only .ipynb out. Raises Refusal otherwise."""
        found = [out for out in self.outs if out.endswith(".ipynb")]
        if len(found) != 1:
            raise Refusal(
                f"dvc.yaml: stage {self.name} has {len(found)} .ipynb outs, expected one, for the executed notebook"
            )
        return found[0]


def stages(folder: Path) -> list[Stage]:
    """Returns every stage that dvc.yaml in `folder` declares, in its order; each item of a matrix stage is a stage.

    Raises Refusal, which names the stage, for what DVC refuses and for what is not supported: foreach, wdir, vars,
    matrix values that are lists or mappings, parameters of another file than params.yaml.
    """
    from dvc.exceptions import DvcException
    from dvc.parsing import MatrixDefinition

    resolver = resolver_of(folder)
    found = []
    try:
        for base, definition in resolver.definitions.items():
            items: dict[str, Mapping[str, Any]] = {base: {}}
            if isinstance(definition, MatrixDefinition):
                items = {f"{base}@{key}": item for key, item in items_of(base, definition).items()}
            found += [_stage(folder, name, item, resolver.resolve_one(name)[name]) for name, item in items.items()]
    except DvcException as error:
        raise refused(error) from None
    return found


def _stage(folder: Path, name: str, item: Mapping[str, Any], entry: Mapping[str, Any]) -> Stage:
    def place(path: Any) -> str:
        if not isinstance(path, str):
            raise Refusal(f"dvc.yaml: stage {name}: {path!r} is no path: write text around the value, or quote it")
        if posixpath.isabs(path) and is_in(posixpath.normpath(path), folder.as_posix()):
            raise Refusal(f"dvc.yaml: stage {name}: {path}: write it from the project's folder on")
        return path if "://" in path else posixpath.normpath(path)

    flags = {
        section: {
            place(path): of_path if isinstance(of_path, dict) else {}
            for listed in entry.get(section) or []
            for path, of_path in (listed if isinstance(listed, dict) else {listed: {}}).items()
        }
        for section in ("outs", "metrics", "plots")
    }
    every = {path: of_path for section in flags.values() for path, of_path in section.items()}
    cmd = entry["cmd"]
    return Stage(
        name=name,
        cmd="\n".join(cmd) if isinstance(cmd, list) else cmd,
        params=tuple(dict.fromkeys(_param_keys(name, entry.get("params") or []))),
        item=item,
        deps=tuple(place(dep) for dep in entry.get("deps") or []),
        outs=tuple(path for section in flags.values() for path in section),
        metrics=tuple(flags["metrics"]),
        plots=tuple(flags["plots"]),
        uncached=frozenset(path for path, of_path in every.items() if of_path.get("cache") is False),
        persistent=frozenset(path for path, of_path in every.items() if of_path.get("persist") is True),
        always_changed=entry.get("always_changed") is True,
        frozen=entry.get("frozen") is True,
        desc=str(entry.get("desc") or "").strip(),
    )


def _param_keys(stage: str, entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        keys = [entry]
        if isinstance(entry, dict):
            if other := entry.keys() - {"params.yaml"}:
                names = ", ".join(map(str, other))
                raise Refusal(f"dvc.yaml: stage {stage} takes params from {names}: params.yaml is the one place")
            keys = entry["params.yaml"] or []
            if not keys:
                raise Refusal(f"dvc.yaml: stage {stage} takes all of params.yaml: name the keys that it needs")
        for key in keys:
            if not isinstance(key, str):
                raise Refusal(f"dvc.yaml: stage {stage}: params: expected names, found {key!r}")
            yield key


def makers(stage: Stage, every: Iterable[Stage]) -> frozenset[str]:
    """Returns the names of the stages among `every` whose outs `stage` reads."""
    return frozenset(
        other.name
        for other in every
        if other is not stage and any(is_in(out, dep) or is_in(dep, out) for out in other.outs for dep in stage.deps)
    )


def is_in(file: str, path: str) -> bool:
    """Returns whether `file` is `path` or lies beneath it. Both are normal paths from the same folder."""
    return file == path or file.startswith(f"{path}/")


def find_stage(
    candidates: list[Stage], notebook: str, name: str | None, item: Mapping[str, Any] | None = None
) -> Stage:
    """Returns the stage called `name` among the `candidates`, which all run `notebook`; without a name, the only one.

    `item` selects an item of a matrix stage by some of its values. Raises Refusal where no stage or several fit.
    """
    if not candidates:
        raise Refusal(f"dvc.yaml has no stage whose cmd is `recommit run {notebook}`: add one, or check the path")
    fitting = [
        stage for stage in candidates if name in (None, stage.name) and (item or {}).items() <= stage.item.items()
    ]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(stage.name for stage in candidates)
    if not fitting:
        raise Refusal(f"{notebook}: dvc.yaml runs it as {names}, not as {name or dict(item or {})}")
    raise Refusal(f"{notebook} is run by several stages: name one with --stage: {names}")


def refuse_strays(folder: Path, stage: Stage, every: list[Stage]) -> None:
    """Raises Refusal for a file in a folder that `stage` depends on, if it is no out of the stages `every`.

    When a stage or matrix item is removed from dvc.yaml, DVC leaves its outs on disk. A fresh clone does not have them,
    so a result made from them would not come back.
    """
    outs = {out for other in every for out in other.outs}
    for dep in (folder / dep for dep in stage.deps):
        made = {out for out in outs if (folder / out).is_relative_to(dep)}
        if not dep.is_dir() or not made:
            continue
        for path in sorted(dep.rglob("*")):
            name = path.relative_to(folder).as_posix()
            ignored = path.is_dir() or path.name.startswith(".") or path.suffix == ".log"
            if not ignored and not any(is_in(name, out) for out in made):
                raise Refusal(
                    f"{name} is no stage's out any more, and stage {stage.name} would read it: "
                    "`recommit check --fix` deletes what a removed stage left; delete any other file yourself"
                )
