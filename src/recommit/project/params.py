"""The parameters of a stage: the values of params.yaml whose keys the stage declares in dvc.yaml."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recommit import Refusal
from recommit.project.files import root
from recommit.project.pipeline import Stage
from recommit.project.text import is_encodable
from recommit.project.yaml import read_params

LEAVE_OUT = "leave_out"
"""The key of params.yaml under which true beside a stage's name leaves it out: see `recommit.project.left_out`."""


class Params(Mapping[str, Any]):
    """The values of params.yaml in the project around the current folder, read anew each time.

    A notebook's parameters cell takes its defaults from here, as in `seed: int = params["seed"]`, so that each value
    is written in one place. In a pipeline run, the stage's values replace these defaults. For a matrix value, the
    default is the last one under `fits`: `model: str = params["model"]` gives the last model there.
    """

    def __getitem__(self, key: str) -> Any:
        content = read_params(root())
        if key in content:
            return content[key]
        fits = content.get("fits")
        if not (isinstance(fits, Mapping) and fits.get(key)):
            raise KeyError(f"params.yaml has no {key}, and fits in it lists none")
        return fits[key][-1]

    def __iter__(self) -> Iterator[str]:
        return iter(read_params(root()))

    def __len__(self) -> int:
        return len(read_params(root()))


params = Params()


def notebook_values(stage: Stage, folder: Path) -> dict[str, Any]:
    """Returns the values that the notebook of `stage` receives: `declared_values` without `leave_out`."""
    return {name: value for name, value in declared_values(stage, folder).items() if name != LEAVE_OUT}


def declared_values(stage: Stage, folder: Path) -> dict[str, Any]:
    """Returns the values that `stage` depends on, by top-level key: its parameters and matrix values.

    The declared key `models.boosting` gives `{"models": {"boosting": {...}}}`. Raises Refusal for a declared key that
    params.yaml in `folder` lacks, and for one that is also the name of a matrix value.
    """
    content = read_params(folder)
    values: dict[str, Any] = {}
    for key in stage.params:
        *above, last = key.split(".")
        source: Any = content
        target = values
        for part in above:
            source = _inside(source, part, key, stage)
            target = target.setdefault(part, {})
        target[last] = _inside(source, last, key, stage)
    _refuse_other_keys(values)
    for key in (key for key, value in values.items() if not is_encodable(value)):
        raise Refusal(f"params.yaml: {key} holds half a character (a lone surrogate), which no notebook can hold")
    for name, value in stage.item.items():
        if name in values:
            raise Refusal(f"dvc.yaml: stage {stage.name}: {name} is both a parameter and a matrix value: rename one")
        values[name] = value
    return values


def leaves(params: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yields the dotted key of each value in `params`, such as `models.boosting.max_iter`."""
    for key, value in params.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def _inside(source: Any, part: str, key: str, stage: Stage) -> Any:
    if not isinstance(source, Mapping) or part not in source:
        known = f"; it has {', '.join(map(str, source))}" if isinstance(source, Mapping) else ""
        raise Refusal(f"params.yaml has no {key}, which stage {stage.name} declares in dvc.yaml{known}")
    return source[part]


def _refuse_other_keys(values: Any, above: str = "") -> None:
    """Raises Refusal for a key that is not text: papermill would turn it into text, and Jupyter would not."""
    if isinstance(values, list):
        for value in values:
            _refuse_other_keys(value, above)
    if isinstance(values, Mapping):
        for key, value in values.items():
            if not isinstance(key, str):
                raise Refusal(f"params.yaml: key {key!r} in {above.rstrip('.')} is not text: quote it")
            _refuse_other_keys(value, f"{above}{key}.")
