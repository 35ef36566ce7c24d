"""Read JSON that is not trusted, and say in one line what is wrong with it."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recommit.artifact.files import reason

Name = Annotated[str, Field(min_length=1, max_length=200)]
Share = Annotated[float, Field(ge=0, le=1)]
Level = Annotated[float, Field(ge=0.5, lt=1)]
"""The share of sets or intervals that hold the truth: at least one half."""


class Closed(BaseModel):
    """A typed, frozen part of a JSON file. Unknown keys, numbers in quotes and infinities are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def parse(content: bytes) -> Any:
    """Return what the JSON in `content` holds. Raises ValueError in one line if it is no JSON or has a key twice."""
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is not JSON (nested too deep)") from None
    except ValueError as error:
        raise ValueError(f"it is not JSON ({reason(error)})") from None


def error_lines(error: ValidationError) -> Iterator[str]:
    """Yield one line for each error of a `Closed` file: which key, what was found, what is allowed."""
    for one in error.errors(include_url=False):
        where = ".".join(str(part)[:60] for part in one["loc"])
        match one["type"]:
            case "extra_forbidden":
                yield f"unknown key {where!r}: take it out"
            case "missing":
                yield f"the key {where!r} is missing"
            case "union_tag_not_found":
                yield f"the key '{where}.kind' is missing"
            case "union_tag_invalid":
                yield f"'{where}.kind' is {one['ctx']['tag']!r:.40}: allowed are {one['ctx']['expected_tags']}"
            case "value_error":
                yield one["msg"].removeprefix("Value error, ")
            case _:
                yield f"{where!r} is {_shown(one['input'])}: {one['msg'][:1].lower()}{one['msg'][1:]}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"it holds {name}, which is no number")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
