"""How DVC reads dvc.yaml: its own resolver fills in the templates. What the machinery does not support is refused."""

import posixpath
import re
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from recommit import Refusal
from recommit.project.dvc import dvc_config
from recommit.project.yaml import read_params, read_yaml, refuse_dates

if TYPE_CHECKING:
    from dvc.parsing import DataResolver

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def resolver_of(folder: Path) -> "DataResolver":
    """Returns DVC's own resolver for dvc.yaml and params.yaml in `folder`.

    Raises Refusal, which names the stage, for what DVC refuses and for what the machinery does not support.
    """
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
        raise refused(error) from None
    except TypeError as error:  # of a value that is no text, number, list or mapping
        raise Refusal(f"params.yaml: DVC cannot read it: {error}") from None
    return resolver


def refused(error: Exception) -> Refusal:
    """Returns what DVC says of dvc.yaml in `error` as a Refusal of one line."""
    said = _COLOUR.sub("", " ".join(str(error).split())).replace(" in 'dvc.yaml'", "")
    return Refusal(f"dvc.yaml: {said}: `dvc repro` says no as well")


def items_of(name: str, definition: Any) -> dict[str, dict[str, Any]]:
    """Returns the items of the matrix stage `name` with DVC's `definition`: the name after the @ to its values."""
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


def alone(folder: Path, name: str) -> dict[str, Any]:
    """Returns what dvc.yaml in `folder` would hold if it declared only the stage `name`, such as `train@boosting-full`.

    A matrix keeps all its values. Every other template is filled in, so that params.yaml may be cut down as well.
    """
    from dvc.exceptions import DvcException
    from dvc.parsing.interpolate import KEYCRE, get_expression, get_matches, is_exact_string, to_str

    resolver = resolver_of(folder)
    base = name.partition("@")[0]
    entry = read_yaml(folder / "dvc.yaml")["stages"][base]
    matrix = {}
    if "matrix" in entry:
        resolved = resolver.definitions[base].resolved_iterable
        matrix = {"matrix": {key: list(map(_plain, values)) for key, values in resolved.items()}}

    def value(match: re.Match[str]) -> Any:
        if matrix and _template_key(match[0]).partition(".")[0] in ("item", "key"):
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
        raise refused(error) from None


def templates(text: str) -> list[str]:
    """Returns the dotted keys of all templates in `text`: fits.model.0 for `${fits.model[0]}`."""
    from dvc.parsing.interpolate import get_matches

    return [_template_key(match[0]) for match in get_matches(text)]


def _template_key(template: str) -> str:
    """Returns the dotted key of one template."""
    from dvc.parsing.interpolate import normalize_key

    return ".".join(part.strip() for part in normalize_key(template[2:-1]).split("."))


def _supported(name: Any, entry: Any) -> None:
    """Raises Refusal for an entry of dvc.yaml that DVC's resolver cannot read or the machinery does not support."""
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


def _plain(value: Any) -> Any:
    """Returns a value without DVC's wrapper, which notes where the value comes from."""
    return getattr(value, "value", value)
