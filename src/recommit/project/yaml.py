"""Reads the YAML files of a project: a date without quotes is text, and a broken file is refused by its name."""

from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.constructor import SafeConstructor

from recommit import Refusal


class _Date(str):
    """A date without quotes. It is read as text, and refused where DVC reads values, because DVC cannot."""


class _Constructor(SafeConstructor):
    """Reads `2013-09-01` as text."""

    def date(self, node: Any) -> _Date:
        return _Date(node.value)


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", _Constructor.date)


def read_yaml(path: Path) -> dict[str, Any]:
    """Returns the mapping in the YAML file `path`; dates stay text.

    Raises Refusal, which names the file, if it is missing, not UTF-8, not YAML, or holds no mapping.
    """
    try:
        return parse_yaml(path.read_bytes(), path)
    except FileNotFoundError:
        raise Refusal(f"{path}: there is no such file") from None


def parse_yaml(content: bytes, name: Path | str) -> dict[str, Any]:
    """Returns the mapping in the bytes of the YAML file `name`, as `read_yaml` does."""
    try:
        found = deepcopy(_parsed(content.decode()))
    except UnicodeDecodeError as error:
        raise Refusal(f"{name} is not UTF-8: {error.reason} at byte {error.start}") from None
    except YAMLError as error:
        raise Refusal(f"{name} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise Refusal(f"{name}: expected keys and values, found {type(found).__name__}")
    return found


@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    """Returns the content of the YAML `text`. Callers copy it: parsing params.yaml again takes ten times as long."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    return yaml.load(text)


def read_params(folder: Path) -> dict[str, Any]:
    """Returns params.yaml of the project in `folder`. Raises Refusal for a date without quotes: DVC cannot read it."""
    content = read_yaml(folder / "params.yaml")
    refuse_dates(content, f"{folder / 'params.yaml'}: ")
    return content


def refuse_dates(thing: Any, where: str) -> None:
    """Raises Refusal if `thing` holds a date without quotes; `where` is its file and key, for the message."""
    if isinstance(thing, _Date):
        raise Refusal(f'{where.rstrip(".")} is a date, which DVC cannot read: quote it, "{thing}"')
    for key, value in thing.items() if isinstance(thing, dict) else enumerate(thing if isinstance(thing, list) else []):
        refuse_dates(value, f"{where}{key}.")
