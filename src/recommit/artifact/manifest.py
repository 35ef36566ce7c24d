"""The manifest of a model: its inputs, what its answers mean, and the hashes of what it was made from."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from recommit import Refusal
from recommit.artifact.answers import Answers
from recommit.artifact.closed import Closed, Level, Name, Share, error_lines, parse
from recommit.artifact.files import read_bounded, sha256
from recommit.artifact.names import refuse_kept

FORMAT = 3
"""Raised when the files of a model change so that an older or newer reader cannot load them."""
MOST_BYTES = 4 * 2**20
_SEAL = "sha256"
"""The key of the hash of all other keys. It shows an edit or a bad merge, not who wrote it: anyone can compute it."""

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=2**53)]


class Prediction(Closed):
    """When a prediction is asked for: `instant` in words, and how many hours before the predicted event."""

    instant: str
    horizon_hours: Annotated[float, Field(ge=0, le=20 * 366 * 24)]

    @model_validator(mode="after")
    def _is_seconds(self) -> "Prediction":
        if 0 < self.horizon_hours < 1 / 3600:
            raise ValueError(
                f"'prediction.horizon_hours' is {self.horizon_hours:g}: it must be 0, or at least a second (1/3600)"
            )
        return self


class Input(Closed):
    """A column that the model reads: a number in `unit`, or a text, which is one of `values` if they are listed."""

    name: Name
    type: Literal["number", "text"]
    unit: str
    values: list[str] | None


class Hashes(Closed):
    """SHA-256 of model.onnx, golden.json, the table it was trained on, and locks/run.txt."""

    model: Hash
    golden: Hash
    train: Hash
    lock: Hash


class Measured(Closed):
    """A measured number and its confidence interval, which holds the true number with probability `level`.

    An end is None where the rows were too few to measure it.
    """

    value: float
    low: float | None
    high: float | None
    level: Level

    @model_validator(mode="after")
    def _is_near_its_interval(self) -> "Measured":
        if self.low is None or self.high is None:
            return self
        width = self.high - self.low
        # A biased estimate, such as that of a calibration error, may lie outside its interval, but not far.
        if not (width >= 0 and self.low - width <= self.value <= self.high + width):
            raise ValueError(
                f"the score {self.value:g} has the interval {self.low:g} to {self.high:g}: it must be near"
            )
        return self


class Manifest(Closed):
    """What manifest.json holds: it describes the files model.onnx and golden.json beside it."""

    format: Literal[3]
    name: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,62}$")]
    """The model's name in the registry."""
    problem: str
    """What is predicted, in words."""
    target: Name
    prediction: Prediction
    fit: Name
    model: Name
    features: Name
    params: dict[str, Any]
    inputs: Annotated[list[Input], Field(min_length=1, max_length=10_000)]
    """In the order of the model file's inputs."""
    task: Annotated[Answers, Field(discriminator="kind")]
    """What its answers are."""
    as_of: Name | None
    """The clock; None where rows have no time."""
    trained_rows: Count
    trained_until: Name | None
    """When the last outcome that it learned from was known; None where rows have no time."""
    parity: Share
    """The largest distance between an answer of the file and scikit-learn's: see `recommit.artifact.parity`."""
    hashes: Hashes
    opsets: dict[str, Annotated[int, Field(ge=1)]]
    operators: list[str]
    scores: dict[str, Measured]
    """On the last validation fold."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Manifest":
        names = [column.name for column in self.inputs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two inputs are called {twice[0]!r}")
        refuse_kept(names)
        for column in self.inputs:
            if column.type == "number" and column.values is not None:
                raise ValueError(f"the input {column.name!r} is a number, and cannot have a list of values")
        return self


def read_manifest(path: Path) -> Manifest:
    """Read the manifest.json at `path`. Raises Refusal with one line per error: where it is, and what is allowed."""
    return parse_manifest(read_bounded(path, MOST_BYTES), path)


def parse_manifest(content: bytes, path: Path) -> Manifest:
    """Return the manifest in `content`, the bytes of the file at `path`. Raises Refusal as `read_manifest` does."""
    try:
        said = parse(content)
    except ValueError as error:
        raise Refusal(f"{path} is no manifest: {error}") from None
    if not isinstance(said, dict) or "format" not in said:
        raise Refusal(f"{path} is no manifest: it has no format")
    if said["format"] != FORMAT:
        found = str(said["format"])[:20]
        raise Refusal(f"{path} is of format {found}, and this version reads {FORMAT}: use the version that wrote it")
    manifest = manifest_of({name: value for name, value in said.items() if name != _SEAL}, path)
    if said.get(_SEAL) != _seal(manifest):
        raise Refusal(
            f"{path} was changed after it was written: its content does not have the {_SEAL} that it states; "
            "take the folder whole, with `dvc checkout`, or make it anew, with `dvc repro`"
        )
    return manifest


def manifest_of(said: Mapping[str, Any], path: Path) -> Manifest:
    """Return the manifest with the keys of `said`. Raises Refusal as `read_manifest` does, with `path` in it."""
    try:
        manifest = Manifest.model_validate(said)
        _seal(manifest)
    except ValidationError as error:
        raise Refusal("\n".join(f"{path}: {line}" for line in error_lines(error))) from None
    except (ValueError, RecursionError):  # of the parameters, the only key that may hold anything
        raise Refusal(f"{path} is no manifest: nested too deep") from None
    return manifest


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the bytes of manifest.json, the same each time, with a hash of all that `manifest` holds."""
    said = manifest.model_dump(mode="json") | {_SEAL: _seal(manifest)}
    return json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write `manifest` to the file at `path`. The file appears whole or not at all."""
    from recommit.project.files import write_whole

    write_whole(path, manifest_bytes(manifest))


def _seal(manifest: Manifest) -> str:
    """Return a hash of what `manifest` holds, which does not depend on the file's layout."""
    return sha256(json.dumps(manifest.model_dump(mode="json"), sort_keys=True).encode())


def inputs_of(
    columns: Mapping[str, str], units: Mapping[str, str], values: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Return the manifest's inputs, one per column of the model.

    `columns` maps each name to "number" or "text", `units` to its unit, `values` to its categories, if it has any.
    """
    return [
        {"name": name, "type": kind, "unit": units[name], "values": list(values[name]) if name in values else None}
        for name, kind in columns.items()
    ]


def describe(
    fit: Mapping[str, Any],
    *,
    name: str,
    problem: str,
    target: str,
    instant: str,
    horizon_hours: float,
    as_of: str | None,
    inputs: list[dict[str, Any]],
    task: Answers,
    parity: float,
    scores: Mapping[str, Any],
    lock: str,
) -> dict[str, Any]:
    """Return the keys and values of a manifest, without those that `write_model` takes from the files.

    `fit` is what the stage `train` wrote: fit, model, features, params, trained_rows, trained_until, and in train the
    SHA-256 of its table. `inputs` comes from `inputs_of`. `scores` maps names to value, low, high and level; what
    could not be measured is left out. `lock` is the SHA-256 of the lock file. The others are keys of the manifest.
    """
    kept = ("fit", "model", "features", "params", "trained_rows", "trained_until")
    return {key: fit[key] for key in kept} | {
        "name": name,
        "problem": problem,
        "target": target,
        "prediction": {"instant": instant, "horizon_hours": horizon_hours},
        "as_of": as_of,
        "inputs": inputs,
        "task": task.model_dump(),
        "parity": parity,
        "scores": {name: _finite(score) for name, score in scores.items() if math.isfinite(score["value"])},
        "hashes": {"train": fit["train"], "lock": lock},
    }


def _finite(score: Mapping[str, float]) -> dict[str, float | None]:
    return {name: number if math.isfinite(number) else None for name, number in score.items()}


def about(manifest: Manifest) -> dict[str, Any]:
    """Return what evidence says of a model: its fit and how it was made, without inputs, hashes and scores."""
    kept = {"fit", "model", "features", "params", "task", "as_of", "trained_rows", "trained_until", "parity"}
    return manifest.model_dump(mode="json", include=kept)
