"""The stages that `dvc.yaml` declares: DVC's own resolver fills in the templates."""

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from recommit import Refusal
from recommit.project.dvc import dvc_config
from recommit.project.yaml import read_params, read_yaml, refuse_dates

if TYPE_CHECKING:
    from dvc.parsing import DataResolver

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Stage:
    """One stage of dvc.yaml, or one item of a matrix stage, with its templates filled in."""

    name: str
    cmd: str
    """Its commands, a line each: so DVC takes several lines, and a list."""
    params: tuple[str, ...] = ()
    item: Mapping[str, Any] = field(default_factory=dict)
    deps: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    """All of them, those registered as metrics or plots included."""
    metrics: tuple[str, ...] = ()
    plots: tuple[str, ...] = ()
    uncached: frozenset[str] = frozenset()
    """The outs with `cache: false`, which Git keeps."""
    persistent: frozenset[str] = frozenset()
    """The outs with `persist: true`, which DVC leaves in place when the stage runs again."""
    always_changed: bool = False
    """Whether DVC runs it every time, whatever its inputs say."""
    frozen: bool = False
    """Whether DVC never runs it."""

    @property
    def family(self) -> str:
        """The name in dvc.yaml: an item of a matrix stage without its item."""
        return self.name.partition("@")[0]

    @property
    def file_name(self) -> str:
        """A name for files about the stage: a matrix value may hold a slash."""
        return quote(self.name, safe="@ ")

    @cached_property
    def words(self) -> list[str]:
        """The words, as a shell splits them, of its first command that calls `recommit`; none where no command does."""
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
        """The notebook that the stage's command runs, relative to the project, or None."""
        words = self.words[2:] if self.words[1:2] == ["run"] else []
        return next((posixpath.normpath(word) for word in words if word.endswith(".ipynb")), None)

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
    """Every stage that dvc.yaml in `folder` declares, in its order, matrix stages item by item, as DVC has them.

    Raises Refusal, which names the stage, for what DVC refuses and for what is not supported: foreach, wdir, vars,
    matrix values that are lists or mappings, parameters of another file than params.yaml.
    """
    from dvc.exceptions import DvcException
    from dvc.parsing import MatrixDefinition

    resolver = _resolver(folder)
    found = []
    try:
        for base, definition in resolver.definitions.items():
            items: dict[str, Mapping[str, Any]] = {base: {}}
            if isinstance(definition, MatrixDefinition):
                items = {f"{base}@{key}": item for key, item in _items(base, definition).items()}
            found += [_stage(folder, name, item, resolver.resolve_one(name)[name]) for name, item in items.items()]
    except DvcException as error:
        raise _refused(error) from None
    return found


def alone(folder: Path, name: str) -> dict[str, Any]:
    """What dvc.yaml in `folder` would hold if it declared the stage `name` only, `train@boosting-full` say.

    A matrix keeps all its values; every other template is filled in, so that params.yaml may be cut down as well.
    """
    from dvc.exceptions import DvcException
    from dvc.parsing.interpolate import KEYCRE, get_expression, get_matches, is_exact_string, to_str

    resolver = _resolver(folder)
    base = name.partition("@")[0]
    entry = read_yaml(folder / "dvc.yaml")["stages"][base]
    matrix = {}
    if "matrix" in entry:
        resolved = resolver.definitions[base].resolved_iterable
        matrix = {"matrix": {key: list(map(_plain, values)) for key, values in resolved.items()}}

    def value(match: re.Match[str]) -> Any:
        if matrix and template_key(match[0]).partition(".")[0] in ("item", "key"):
            return match[0]
        return resolver.context.select(get_expression(match), unwrap=True)

    def fill(thing: Any) -> Any:
        if isinstance(thing, dict):
            return {fill(key): fill(value) for key, value in thing.items()}
        if isinstance(thing, list):
            return [fill(part) for part in thing]
        if not isinstance(thing, str):
            return thing
        matches = get_matches(thing)
        if is_exact_string(thing, matches) and not isinstance(value(matches[0]), dict):  # one in a cmd is text
            return value(matches[0])
        return KEYCRE.sub(lambda match: to_str(value(match), config=resolver.parsing_config), thing)

    try:
        return {"stages": {base: fill({key: entry[key] for key in entry if key != "matrix"}) | matrix}}
    except DvcException as error:
        raise _refused(error) from None


def templates(text: str) -> list[str]:
    """The dotted keys of the templates in a text: of `${fits.model[0]} ${item.model}`, fits.model.0 and item.model."""
    from dvc.parsing.interpolate import get_matches

    return [template_key(match[0]) for match in get_matches(text)]


def template_key(template: str) -> str:
    """The dotted key of one template: of `${fits.model[0]}`, fits.model.0."""
    from dvc.parsing.interpolate import normalize_key

    return ".".join(part.strip() for part in normalize_key(template[2:-1]).split("."))


def _resolver(folder: Path) -> "DataResolver":
    """DVC's own resolver of dvc.yaml in `folder`, on what we support of it."""
    from dvc.exceptions import DvcException
    from dvc.parsing import DataResolver
    from dvc.parsing.context import Context

    pipeline = read_yaml(folder / "dvc.yaml")
    if pipeline.get("vars"):
        raise Refusal("dvc.yaml uses vars: params.yaml is the one place for values")
    declared = pipeline.get("stages") or {}
    if not isinstance(declared, dict):
        raise Refusal("dvc.yaml: stages: expected a stage's entry by each name")
    for name, entry in declared.items():
        _supported(name, entry)
    files = SimpleNamespace(exists=lambda path: False, join=posixpath.join, normpath=posixpath.normpath)
    repo = SimpleNamespace(fs=files, config=dvc_config(folder))
    try:
        resolver = DataResolver(repo, "", {"stages": declared})
        if (folder / "params.yaml").is_file():
            resolver.context.merge_update(Context(read_params(folder)))
    except DvcException as error:
        raise _refused(error) from None
    except TypeError as error:  # of a value that is no text, number, list or mapping
        raise Refusal(f"params.yaml: DVC cannot read it: {error}") from None
    return resolver


def _refused(error: Exception) -> Refusal:
    said = _COLOUR.sub("", " ".join(str(error).split())).replace(" in 'dvc.yaml'", "")
    return Refusal(f"dvc.yaml: {said}: `dvc repro` says no as well")


def _supported(name: Any, entry: Any) -> None:
    """Refuse an entry of dvc.yaml that DVC's resolver cannot read, or that we do not support."""
    if not isinstance(name, str) or "@" in name:
        raise Refusal(f"dvc.yaml: stage {name}: expected a name without @, which stands before a matrix's item")
    if not isinstance(entry, dict):
        raise Refusal(f"dvc.yaml: stage {name} has no cmd: say what it runs")
    for unsupported in filter(entry.__contains__, ("foreach", "wdir", "vars")):
        raise Refusal(
            f"dvc.yaml: stage {name} uses {unsupported}: use matrix, paths from the project's folder, and params.yaml"
        )
    commands = entry.get("cmd") if isinstance(entry.get("cmd"), list) else [entry.get("cmd")]
    if not commands or not all(isinstance(command, str) and command.strip() for command in commands):
        raise Refusal(f"dvc.yaml: stage {name} has no cmd: say what it runs")
    for section in ("params", "deps", "outs", "metrics", "plots"):
        listed = entry.get(section)
        if listed is not None and not isinstance(listed, list):
            raise Refusal(f"dvc.yaml: stage {name}: {section}: expected a list, found {listed}")
        if not all(isinstance(thing, str | dict) for thing in listed or []):
            raise Refusal(f"dvc.yaml: stage {name}: {section}: expected names, found {listed}")
    matrix = entry.get("matrix", {})
    if not isinstance(matrix, dict) or not all(isinstance(values, str | list) for values in matrix.values()):
        raise Refusal(f"dvc.yaml: stage {name}: matrix: expected a list of values by each name, found {matrix}")
    refuse_dates(matrix, f"dvc.yaml: stage {name}: matrix ")


def _items(name: str, definition: Any) -> dict[str, dict[str, Any]]:
    """The items of a matrix stage, by what follows the @ in their names."""
    matrix = {
        key: values if isinstance(values, list) else getattr(values, "data", values)
        for key, values in definition.resolved_iterable.items()
    }
    for key, values in matrix.items():  # a mapping stands for its keys
        if not isinstance(values, list | dict) or any(isinstance(_plain(value), list | dict) for value in values):
            raise Refusal(f"dvc.yaml: stage {name}: its matrix holds {key}: {values}: expected plain values")
        if any(isinstance(_plain(value), bool) and not isinstance(value, bool) for value in values):
            raise Refusal(
                f"dvc.yaml: stage {name}: its matrix takes {key} from params.yaml, and DVC would name the items "
                f"of true and false {name}@True, and their files true: write the values into the matrix itself"
            )
    found = {
        key: {part: _plain(value) for part, value in item.items()}
        for key, item in definition.normalized_iterable.items()
    }
    if "" in found:
        raise Refusal(f"dvc.yaml: stage {name}: its matrix has an item without a name: expected values with text")
    if len(found) < prod(map(len, matrix.values())):
        raise Refusal(
            f"dvc.yaml: stage {name}: two items of its matrix have one name, and DVC would run the last of them alone: "
            f"it knows {', '.join(f'{name}@{key}' for key in found)}"
        )
    return found


def _plain(value: Any) -> Any:
    """A value out of DVC's wrapping, which says where it is from."""
    return getattr(value, "value", value)


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
                raise Refusal(
                    f"{name} is no stage's out any more, and stage {stage.name} would read it: "
                    "`recommit check --fix` deletes what a removed stage left; delete any other file yourself"
                )


def _fits(stage: Stage, item: Mapping[str, Any]) -> bool:
    return all(key in stage.item and stage.item[key] == value for key, value in item.items())
