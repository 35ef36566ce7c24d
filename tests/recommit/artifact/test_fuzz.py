"""Whatever bytes a model's files hold, loading ends in a model or in a refusal of ours."""

import contextlib
import copy
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommit import Refusal
from recommit.artifact.golden import MOST_ROWS
from recommit.artifact.load import load
from recommit.artifact.model import Model
from tests.recommit.artifact.conftest import put, sealed

# Where, how many bytes go, and what comes instead; places are thousandths of the file.
edits = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 12), st.binary(max_size=12)), min_size=1, max_size=4
)  # fmt: skip
CHANGES = ["drop", "drop one", "repeat", "exchange", "set"]
disturbances = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 20), st.sampled_from(CHANGES), st.integers(0, 100)),
    min_size=1,
    max_size=4,
)
ODD: dict[type, list[Any]] = {
    int: [-1, 0, 1, 2, 3, 8, 2**31 - 1, 2**31, 2**62],
    float: [float("nan"), float("inf"), -1.0, 0.0, 3e38],
    str: ["", "wind", "probabilities", "ai.onnx.ml", "Concat", "new\nline", "x" * 5000],
    bytes: [b"", b"\xff", b"LEAF", b"BRANCH_LEQ", b"SOFTMAX", b"x" * 5000],
}
bounded = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def edited(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, gone, new in changes:
        at = place * len(content) // 1000
        content = content[:at] + new + content[at + gone :]
    return content


def load_or_refuse(made: dict[str, bytes], name: str, content: bytes) -> None:
    """Load the model with another file: if it is refused, in a line that names a file of it, after bounded work."""
    folder, asked = Path(tempfile.mkdtemp()), []
    run = Model.run

    def counted(model: Model, feed: Mapping[str, np.ndarray]) -> np.ndarray:
        asked.append(len(next(iter(feed.values()))))
        return run(model, feed)

    try:
        for file, sound in made.items():
            (folder / file).write_bytes(sound)
        if name == "manifest.json":
            (folder / name).write_bytes(content)
        else:
            put(folder, name, content)  # with its hash, so that it is looked into
        with patch.object(Model, "run", counted):
            load(folder)
    except Refusal as refused:
        lines = str(refused).split("\n")
        assert all(any(str(folder / file) in line for file in made) for line in lines), lines
        assert len(lines) == 1 or name == "manifest.json", lines
        assert all(line.isprintable() and len(line) < 1000 for line in lines), lines
    finally:
        shutil.rmtree(folder)
    assert sum(asked) <= MOST_ROWS


def messages(message: Message) -> Iterator[Message]:
    """A part of a model file and all parts within it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type:
            for part in value if hasattr(value, "extend") else [value]:
                yield from messages(part)


def disturbed(content: bytes, changes: list[tuple[int, int, str, int]]) -> bytes:
    """A model file with fields dropped, repeated, exchanged or set to something odd: a well-formed one."""
    model = onnx.load_model_from_string(content)
    for where, which, change, number in changes:
        parts = [part for part in messages(model) if part.ListFields()]
        part = parts[where % len(parts)]
        field, value = part.ListFields()[which % len(part.ListFields())]
        several = hasattr(value, "extend")
        if change == "drop":
            part.ClearField(field.name)
        elif change == "drop one" and several:
            del value[number % len(value)]
        elif change == "repeat" and several:
            value.extend(list(value)[: 1 + number])
        elif change == "exchange":
            alike = [other for other in parts if other.DESCRIPTOR is part.DESCRIPTOR]
            other = alike[number % len(alike)]
            kept = copy.deepcopy(part)
            part.CopyFrom(other)
            other.CopyFrom(kept)
        elif change == "set" and not field.message_type:
            odd = ODD[type(value[0] if several else value)]
            with contextlib.suppress(ValueError):  # no number of that kind, or of no type that there is
                if several:
                    value[number % len(value)] = odd[number % len(odd)]
                else:
                    setattr(part, field.name, odd[number % len(odd)])
    return model.SerializeToString()


@bounded
@given(changes=edits)
def test_an_edited_manifest_is_loaded_or_refused(made, changes):
    load_or_refuse(made, "manifest.json", edited(made["manifest.json"], changes))


@bounded
@given(changes=edits)
def test_an_edited_model_file_is_loaded_or_refused(made, changes):
    load_or_refuse(made, "model.onnx", edited(made["model.onnx"], changes))


@settings(bounded, max_examples=300)
@given(changes=disturbances)
def test_a_model_file_of_disturbed_parts_is_loaded_or_refused(made, changes):
    load_or_refuse(made, "model.onnx", disturbed(made["model.onnx"], changes))


@bounded
@given(changes=edits)
def test_an_edited_golden_file_is_loaded_or_refused(made, changes):
    load_or_refuse(made, "golden.json", edited(made["golden.json"], changes))


@settings(bounded, max_examples=50)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused_as_any_of_the_files(made, content):
    for name in made:
        load_or_refuse(made, name, content)


@bounded
@given(
    said=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=12,
    ),
    key=st.sampled_from(["inputs", "params", "hashes", "opsets", "scores", "task", "format", "name", "as_of"]),
)
def test_any_value_in_a_manifest_is_loaded_or_refused(made, said, key):
    load_or_refuse(made, "manifest.json", sealed(json.loads(made["manifest.json"]) | {key: said}))
