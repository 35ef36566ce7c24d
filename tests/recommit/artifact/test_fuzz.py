"""Whatever bytes a model's files hold, loading ends in a model or in a refusal of ours."""

import contextlib
import json
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommit import Refusal
from recommit.artifact.load import load
from tests.recommit.artifact.conftest import put, sealed

# Where, how many bytes go, and what comes instead; places are thousandths of the file.
edits = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 12), st.binary(max_size=12)), min_size=1, max_size=4
)  # fmt: skip
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
    folder = Path(tempfile.mkdtemp())
    try:
        for file, sound in made.items():
            (folder / file).write_bytes(sound)
        if name == "manifest.json":
            (folder / name).write_bytes(content)
        else:
            put(folder, name, content)  # with its hash, so that it is looked into
        with contextlib.suppress(Refusal):
            load(folder)
    finally:
        shutil.rmtree(folder)


@bounded
@given(changes=edits)
def test_an_edited_manifest_is_loaded_or_refused(made, changes):
    load_or_refuse(made, "manifest.json", edited(made["manifest.json"], changes))


@bounded
@given(changes=edits)
def test_an_edited_model_file_is_loaded_or_refused(made, changes):
    load_or_refuse(made, "model.onnx", edited(made["model.onnx"], changes))


@bounded
@given(changes=edits)
def test_an_edited_golden_file_is_loaded_or_refused(made, changes):
    load_or_refuse(made, "golden.parquet", edited(made["golden.parquet"], changes))


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
    key=st.sampled_from(["inputs", "params", "hashes", "opsets", "scores", "conformal", "format", "name", "as_of"]),
)
def test_any_value_in_a_manifest_is_loaded_or_refused(made, said, key):
    load_or_refuse(made, "manifest.json", sealed(json.loads(made["manifest.json"]) | {key: said}))
