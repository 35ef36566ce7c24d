"""Values at dotted keys, such as `candidate.auc`, of what JSON and YAML files hold."""

import json
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def value_at(content: bytes, path: str, key: str) -> Any:
    """The value at a dotted key of a JSON or YAML file.

    Raises KeyError, with the keys there are, where it has none; ValueError for a file that is neither.
    """
    try:
        if path.endswith(".json"):
            found: Any = json.loads(content, parse_constant=str)  # no JSON has NaN, though Python writes it
        else:
            found = YAML(typ="safe", pure=True).load(content.decode())
    except YAMLError as error:
        raise ValueError((str(error).splitlines() or ["not YAML"])[0]) from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return inside(found, key)


def inside(found: Any, key: str) -> Any:
    """The value at a dotted key of nested mappings and lists; raises KeyError with the keys that there are."""
    rest = key
    while rest:
        if isinstance(found, list) and rest.split(".")[0].isdigit() and int(rest.split(".")[0]) < len(found):
            part = rest.split(".")[0]
            found = found[int(part)]
        elif isinstance(found, Mapping):
            # A key may itself hold dots, as file names do: the longest that fits is meant.
            fitting = [name for name in found if rest == name or rest.startswith(f"{name}.")]
            if not fitting:
                raise KeyError(*map(str, found))
            part = max(fitting, key=len)
            found = found[part]
        else:
            raise KeyError
        rest = rest[len(part) + 1 :]
    return found
