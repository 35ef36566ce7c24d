"""The Open Inference Protocol, version 2: a request for predictions to its answer, as bytes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from recommit.serving.limits import Limits, parse, refuse_rows
from recommit.serving.matrix import single
from recommit.serving.predictor import Predictor
from recommit.serving.refused import Refused, shown, some
from recommit.serving.tensors import Reader, as_bytes, datatype_of, numbers_of


class Inference:
    """A request whose tensors were read: `numbers` and `texts` of `rows` rows. Its answer is made by `answer`."""

    def __init__(self, predictor: Predictor, body: bytes, json_bytes: bytes | None, limits: Limits) -> None:
        """Read a body; `json_bytes` is the header that says how many of its bytes are JSON. Raises `Refused`."""
        self._predictor = predictor
        said, raw = _split(body, json_bytes, limits)
        if not isinstance(said, dict):
            raise Refused(422, f"found {shown(said)}, expected an object with inputs")
        self._id = said.get("id", "")
        if not isinstance(self._id, str):
            raise Refused(422, f"found the id {shown(self._id)}, expected a text")
        inputs = said.get("inputs")
        if not isinstance(inputs, list):
            raise Refused(422, f"found the inputs {shown(inputs)}, expected a list of tensors")
        self._wanted = _wanted(said, predictor.output_names)
        if not raw and (found := predictor.one_row.read(inputs)):
            numbers, texts = found
            self.rows, self.numbers, self.texts = 1, single(numbers).reshape(-1, 1), [[text] for text in texts]
            return
        reader, fields, columns = Reader(raw), {one.name: one for one in predictor.inputs}, {}
        for tensor in inputs:
            name = tensor.get("name") if isinstance(tensor, dict) else None
            if not isinstance(name, str):
                raise Refused(422, f"found the input {shown(tensor)}, expected an object with a name")
            if name not in fields or name in columns:
                why = "which is there already" if name in columns else "expected an input of the model"
                raise Refused(422, f"found the input {shown(name)}, {why}")
            columns[name] = reader.take(tensor, fields[name])
        for name in fields:
            if name not in columns:
                raise Refused(422, f"input {name}: found nothing, expected {fields[name].expected}")
        reader.refuse_rest()
        refuse_rows(reader.rows, limits)
        self.rows = reader.rows
        matrix = predictor.matrix
        self.numbers = numbers_of([columns[one.name] for one in matrix.numbers], self.rows)
        self.texts = [list(columns[one.name]) for one in matrix.texts]

    def answer(self, found: Mapping[str, list[Any]]) -> tuple[bytes, int | None]:
        """Returns the body of the answer with what was `found`, and how many of its bytes are JSON if others follow."""
        scorer = self._predictor.scorer
        outputs: list[dict[str, Any]] = []
        raw: list[bytes] = []
        for name, binary in self._wanted.items():
            tensor = {"name": name, "datatype": datatype_of(found[name]), "shape": [self.rows]}
            if binary:
                raw.append(as_bytes(found[name]))
                outputs.append(tensor | {"parameters": {"binary_data_size": len(raw[-1])}})
            else:
                outputs.append(tensor | {"data": found[name]})
        said = {"model_name": scorer.name, "model_version": scorer.version}
        said |= {"id": self._id} if self._id else {}
        written = orjson.dumps(said | {"outputs": outputs})
        return (b"".join([written, *raw]), len(written)) if raw else (written, None)


def _split(body: bytes, json_bytes: bytes | None, limits: Limits) -> tuple[Any, memoryview]:
    """Returns the JSON of a body, and the bytes behind it."""
    if json_bytes is None:
        return parse(body, limits), memoryview(b"")
    size = int(json_bytes) if json_bytes.isdigit() and len(json_bytes) < 12 else -1
    if not 0 < size <= len(body):
        expected = f"1 to {len(body):,}, the bytes of the body"
        raise Refused(
            400, f"found {shown(json_bytes.decode('latin-1'))} as Inference-Header-Content-Length, expected {expected}"
        )
    return parse(body[:size], limits), memoryview(body)[size:]


def _wanted(said: Mapping[str, Any], names: Sequence[str]) -> dict[str, bool]:
    """Returns the outputs that a request wants, all if it names none, and whether each comes as bytes."""
    parameters = said.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise Refused(422, f"found the parameters {shown(parameters)}, expected an object")
    by_default = _flag(parameters, "binary_data_output", False)
    outputs = said.get("outputs") or []
    if not isinstance(outputs, list):
        raise Refused(422, f"found the outputs {shown(outputs)}, expected a list")
    wanted = {}
    for output in outputs:
        name = output.get("name") if isinstance(output, dict) else None
        if not isinstance(name, str) or name not in names:
            raise Refused(422, f"found the output {shown(name)}, expected one of {some(names)}")
        asked = output.get("parameters") or {}
        if not isinstance(asked, dict):
            raise Refused(422, f"output {name}: found the parameters {shown(asked)}, expected an object")
        if other := {"classification", "shared_memory_region"} & asked.keys():
            raise Refused(422, f"output {name}: found {min(other)}, which this server does not have")
        wanted[name] = _flag(asked, "binary_data", by_default)
    return wanted or dict.fromkeys(names, by_default)


def _flag(parameters: Mapping[str, Any], name: str, otherwise: bool) -> bool:
    found = parameters.get(name, otherwise)
    if not isinstance(found, bool):
        raise Refused(422, f"found {shown(found)} as {name}, expected true or false")
    return found


def metadata(predictor: Predictor) -> dict[str, Any]:
    """Returns what the protocol tells of the model: its inputs and outputs."""
    task = predictor.scorer.task
    outputs = task.lists(np.zeros((1, *task.shape)))
    return {
        "name": predictor.scorer.name,
        "versions": [predictor.scorer.version],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": one.name, "datatype": "BYTES" if one.kind == "text" else "FP32", "shape": [-1, 1]}
            for one in predictor.inputs
        ],
        "outputs": [{"name": name, "datatype": datatype_of(values), "shape": [-1]} for name, values in outputs.items()],
    }
