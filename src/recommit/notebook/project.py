"""Where the project is, and what `dvc.yaml` says of each stage."""

import functools
import itertools
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.constructor import SafeConstructor

from recommit import Refusal

_TEMPLATE = re.compile(r"\$\{([^}]+)\}")


class _PlainDates(SafeConstructor):
    """Reads `2013-09-01` as the text it is, quoted or not, as a Hydra override on the command line does."""


_PlainDates.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def root(start: Path | None = None) -> Path:
    """The project's folder: the nearest one at or above `start` (default: the current one) that holds dvc.yaml."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise Refusal(f"no dvc.yaml at or above {start}: go into a project")


def path(name: str) -> Path:
    """A file or folder of the project by its name in dvc.yaml, wherever in the project the notebook runs.

    The folder above it is made, so that the notebook can write it.
    """
    found = root() / name
    found.parent.mkdir(parents=True, exist_ok=True)
    return found


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds; dates stay text. A missing or broken file is refused by name."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _PlainDates
    try:
        content = yaml.load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refusal(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from None
    except YAMLError as error:
        raise Refusal(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise Refusal(f"{path}: expected keys and values, found {type(content).__name__}")
    return content


@dataclass(frozen=True)
class Stage:
    """One stage of dvc.yaml, or one item of a matrix stage, with its templates filled in."""

    name: str
    cmd: str
    params: tuple[str, ...] = ()
    item: Mapping[str, Any] = field(default_factory=dict)
    deps: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    """All of them, those registered as metrics or plots included."""
    metrics: tuple[str, ...] = ()
    plots: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The name in dvc.yaml: an item of a matrix stage without its item."""
        return self.name.partition("@")[0]

    @property
    def notebook(self) -> str | None:
        """The notebook that the stage's command runs, relative to the project, or None."""
        words = self.cmd.split()
        found = (
            (word for word in words[2:] if word.endswith(".ipynb")) if words[:2] == ["recommit", "run"] else iter(())
        )
        return next(map(posixpath.normpath, found), None)

    @property
    def executed(self) -> str:
        """The out that keeps the executed notebook, relative to the project."""
        found = [out for out in self.outs if out.endswith(".ipynb")]
        if len(found) != 1:
            raise Refusal(
                f"dvc.yaml: stage {self.name} has {len(found)} .ipynb outs, expected one, for the executed notebook"
            )
        return found[0]


def stages(folder: Path) -> list[Stage]:
    """Every stage that dvc.yaml in `folder` declares, in its order, matrix stages item by item."""
    declared = read_yaml(folder / "dvc.yaml").get("stages") or {}
    if not isinstance(declared, dict):
        raise Refusal("dvc.yaml: stages: expected a stage's entry by each name")
    return [stage for name, entry in declared.items() for stage in _expand(folder, name, entry)]


def alone(folder: Path, name: str) -> dict[str, Any]:
    """What dvc.yaml in `folder` would hold if it declared the stage `name` only, `train@boosting-full` say.

    A matrix keeps all its values; every other template is filled in, so that params.yaml may be cut down as well.
    """
    variables = functools.cache(lambda: read_yaml(folder / "params.yaml"))
    base = name.partition("@")[0]

    def fill(thing: Any) -> Any:
        if isinstance(thing, dict):
            return {fill(key): fill(value) for key, value in thing.items()}
        if isinstance(thing, list):
            return [fill(part) for part in thing]
        if not isinstance(thing, str) or _TEMPLATE.fullmatch(thing):
            return thing if _about_item(thing) else _fill(thing, base, variables, {})
        return _TEMPLATE.sub(
            lambda match: match[0] if _about_item(match[0]) else str(_fill(match[0], base, variables, {})), thing
        )

    return {"stages": {base: fill(read_yaml(folder / "dvc.yaml")["stages"][base])}}


def _about_item(thing: Any) -> bool:
    template = _TEMPLATE.fullmatch(thing) if isinstance(thing, str) else None
    return template is not None and template[1].strip().startswith("item.")


def is_in(file: str, path: str) -> bool:
    """Whether `file` is `path` or lies beneath it; both are written alike."""
    return file == path or file.startswith(f"{path}/")


def find_stage(
    candidates: list[Stage], notebook: str, name: str | None, item: Mapping[str, Any] | None = None
) -> Stage:
    """Among the stages that run `notebook` (relative to the project), the one called `name`, or the only one.

    `item` narrows a matrix stage down by some of its values.
    """
    if not candidates:
        raise Refusal(f"dvc.yaml has no stage whose cmd is `recommit run {notebook}`: add one, or check the path")
    fitting = [stage for stage in candidates if name in (None, stage.name) and _fits(stage, item or {})]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(stage.name for stage in candidates)
    if len({stage.name for stage in fitting}) < len(fitting):
        raise Refusal(f"dvc.yaml: two items of a matrix are both called {fitting[0].name}: rename a value with a dash")
    if not fitting:
        raise Refusal(f"{notebook}: dvc.yaml runs it as {names}, not as {name or dict(item or {})}")
    raise Refusal(f"{notebook} is run by several stages: name one with --stage: {names}")


def refuse_strays(folder: Path, stage: Stage, every: list[Stage]) -> None:
    """Refuse files in a folder that `stage` depends on which are no stage's outs.

    DVC leaves the outs of a stage or matrix item that was taken away; a fresh clone has none of them, so a result made
    with them would not come back.
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
                raise Refusal(f"{name} is no stage's out any more, and stage {stage.name} would read it: delete it")


def _fits(stage: Stage, item: Mapping[str, Any]) -> bool:
    return all(key in stage.item and stage.item[key] == value for key, value in item.items())


def _expand(folder: Path, name: str, entry: Any) -> Iterator[Stage]:
    if not isinstance(entry, dict) or not entry.get("cmd"):
        raise Refusal(f"dvc.yaml: stage {name} has no cmd: say what it runs")
    for section in ("params", "deps", "outs", "metrics", "plots"):
        if not all(isinstance(listed, str | dict) for listed in _listed(entry, section, name)):
            raise Refusal(f"dvc.yaml: stage {name}: {section}: expected names, found {entry[section]}")
    for unsupported in {"foreach", "wdir", "vars"} & entry.keys():
        raise Refusal(
            f"dvc.yaml: stage {name} uses {unsupported}: use matrix, paths from the project's folder, and params.yaml"
        )
    variables = functools.cache(lambda: read_yaml(folder / "params.yaml"))
    matrix = {key: _fill(values, name, variables, {}) for key, values in (entry.get("matrix") or {}).items()}
    for values in itertools.product(*matrix.values()):
        item = dict(zip(matrix, values, strict=True))
        if any(isinstance(value, list | dict) for value in values):
            raise Refusal(f"dvc.yaml: stage {name}: its matrix holds {list(values)}: expected plain values")
        full_name = f"{name}@{'-'.join(map(_as_dvc_writes, values))}" if matrix else name

        def fill(thing: Any, full_name: str = full_name, item: Mapping[str, Any] = item) -> Any:
            return _fill(thing, full_name, variables, item)

        outs, metrics, plots = (
            tuple(posixpath.normpath(fill(path)) for path in _paths(_listed(entry, section, name)))
            for section in ("outs", "metrics", "plots")
        )
        yield Stage(
            name=full_name,
            cmd=fill(" && ".join(entry["cmd"]) if isinstance(entry["cmd"], list) else entry["cmd"]),
            params=tuple(_param_keys(full_name, _listed(entry, "params", name), fill)),
            item=item,
            deps=tuple(posixpath.normpath(fill(dep)) for dep in _listed(entry, "deps", name)),
            outs=outs + metrics + plots,
            metrics=metrics,
            plots=plots,
        )


def _as_dvc_writes(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(entry: Mapping[str, Any], section: str, stage: str) -> list[Any]:
    found = entry.get(section) or []
    if not isinstance(found, list):
        raise Refusal(f"dvc.yaml: stage {stage}: {section}: expected a list, found {found}")
    return found


def _paths(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        yield from entry if isinstance(entry, dict) else [entry]


def _param_keys(stage: str, entries: list[Any], fill: Any) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, dict):
            raise Refusal(f"dvc.yaml: stage {stage} takes params from {', '.join(entry)}: params.yaml is the one place")
        yield fill(entry)


def _fill(thing: Any, stage: str, variables: Any, item: Mapping[str, Any]) -> Any:
    """Fill in DVC's ${...}: a matrix item's value, or a key of params.yaml."""
    if not isinstance(thing, str):
        return thing

    def value(key: str) -> Any:
        key = key.strip()
        found: Any = {**variables(), "item": item} if not key.startswith("item.") else {"item": item}
        for part in key.split("."):
            if not isinstance(found, Mapping) or part not in found:
                raise Refusal(f"dvc.yaml: stage {stage}: ${{{key}}} is neither a matrix value nor in params.yaml")
            found = found[part]
        return found

    whole = _TEMPLATE.fullmatch(thing)
    return value(whole[1]) if whole else _TEMPLATE.sub(lambda match: str(value(match[1])), thing)
