"""The OpenAPI document of what is served, from what problem and model declare."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recommit.artifact.answers import BinaryAnswers
from recommit.columns import Table
from recommit.serving.example import example_event, example_tensors
from recommit.serving.fields import Field
from recommit.serving.limits import Limits
from recommit.serving.predictor import Predictor

_JSON = "application/json"
_TYPES = {"number": "number", "whole": "integer", "text": "string", "instant": "string", "boolean": "boolean"}
_SINGLE = float(np.finfo("float32").max)
_BEYOND: dict[str, tuple[float, float]] = {"number": (-_SINGLE, _SINGLE), "whole": (1 - 2**63, 2**63 - 1)}
"""The lowest and highest number that the model can be given, where no range is declared."""


def document(predictor: Predictor, example: Any, limits: Limits) -> dict[str, Any]:
    """Returns the OpenAPI 3.1 document: the types, ranges, units and values of a row, and of its answer."""
    scorer = predictor.scorer
    row, answer = {"$ref": "#/components/schemas/Row"}, {"$ref": "#/components/schemas/Prediction"}
    return {
        "openapi": "3.1.0",
        "info": {"title": scorer.name, "version": scorer.version, "summary": predictor.problem.question},
        "paths": {
            "/predict": {
                "post": {
                    "operationId": "predict",
                    "summary": "Predictions of one row, or of a list of rows",
                    "requestBody": {
                        "required": True,
                        "content": {_JSON: {"schema": _one_or_many(row, limits.rows), "example": example}},
                    },
                    "responses": {"200": _told("In the order of the rows", _one_or_many(answer)), **_ERRORS},
                }
            },
            **(_events(predictor, limits) if predictor.from_history else {}),
            **_protocol(predictor),
        },
        "components": {
            "schemas": {
                "Row": _object([(one, schema(one)) for one in predictor.fields]),
                "Prediction": answer_schema(predictor),
                **({"Event": _event(predictor.problem.history)} if predictor.from_history else {}),
                "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def schema(field: Field) -> dict[str, Any]:
    """Returns the JSON schema of one field."""
    kind: Any = _TYPES[field.kind]
    said: dict[str, Any] = {"type": [kind, "null"] if field.nullable else kind}
    words = [field.description, f"in {field.unit}" if field.unit not in ("", "-") else ""]
    if any(words):
        said["description"] = ", ".join(word for word in words if word)
    if field.values:
        said["enum"] = [*field.values, *([None] if field.nullable else [])]
    if field.kind == "instant":
        said["format"] = "date-time"
    if field.kind in _BEYOND:
        low, high = _BEYOND[field.kind]
        said["minimum"] = low if field.low is None else field.low
        said["maximum"] = high if field.high is None else field.high
    return said


def answer_schema(predictor: Predictor) -> dict[str, Any]:
    """Returns the JSON schema of the answer to one row."""
    task = predictor.scorer.task
    written = task.lists(np.zeros((1, *task.shape)))
    said: dict[str, Any] = {
        name: {"type": "string" if isinstance(values[0], str) else "number"} for name, values in written.items()
    }
    if isinstance(task, BinaryAnswers):
        said["decision"] = {
            "enum": task.outcomes,
            "description": f"{task.outcomes[1]} from the probability {task.threshold:g} on",
        }
    texts = ("model", "version", "model_sha256", "request_id")
    said |= {name: {"type": "string"} for name in texts}
    if predictor.from_history and predictor.from_history.flagged:
        said["unheard"] = {"type": ["string", "null"], "description": "why the row should not be trusted"}
    return {"type": "object", "required": list(said), "properties": said}


def _event(history: Sequence[Table]) -> dict[str, Any]:
    """Returns the JSON schema of an event, of any of the history's tables."""
    kinds = []
    for table in history:
        key = {name: {"type": _TYPES[table[name].kind]} for name in table.keys[0]}
        values = {name: {"type": [_TYPES[table[name].kind], "null"]} for name in table.names if name not in key}
        parts = {
            "table": {"const": table.name},
            "key": {"type": "object", "required": [*key], "properties": key, "additionalProperties": False},
            "instant": {"type": "string", "format": "date-time", "description": "when this became known"},
            "values": {"type": "object", "properties": values, "description": "the columns that became known"},
        }
        kinds.append({"type": "object", "required": [*parts], "properties": parts, "additionalProperties": False})
    return {"oneOf": kinds}


def _events(predictor: Predictor, limits: Limits) -> dict[str, Any]:
    """Returns the path by which facts are told."""
    places = {"type": "array", "items": {"type": "integer"}}
    refused = {"type": "array", "items": {"type": "object", "required": ["event", "error"]}}
    said = {"taken": places, "repeated": places, "refused": refused, "request_id": {"type": "string"}}
    schema = _one_or_many({"$ref": "#/components/schemas/Event"}, limits.rows)
    return {
        "/events": {
            "post": {
                "operationId": "events",
                "summary": "Tells what became known; each event is judged by itself, by its place from 1",
                "requestBody": {
                    "required": True,
                    "content": {_JSON: {"schema": schema, "example": example_event(predictor)}},
                },
                "responses": {"200": _told("Kept", {"type": "object", "properties": said}), **_ERRORS},
            }
        }
    }


def _object(fields: Sequence[tuple[Field, dict[str, Any]]]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [one.name for one, _ in fields if one.needed],
        "properties": {one.name: said for one, said in fields},
        "additionalProperties": False,
    }


def _one_or_many(one: dict[str, Any], most: int | None = None) -> dict[str, Any]:
    bounds = {} if most is None else {"minItems": 1, "maxItems": most}
    return {"oneOf": [one, {"type": "array", "items": one, **bounds}]}


def _told(words: str, said: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {_JSON: {"schema": said}}}


_ERROR = {"$ref": "#/components/schemas/Error"}
_ERRORS = {
    status: _told(words, _ERROR)
    for status, words in {
        "400": "No JSON, or nested too deep",
        "401": "No valid token",
        "403": "The token has not this scope",
        "408": "The body came too slowly",
        "413": "Too many bytes or rows",
        "415": "Another content type",
        "422": "A row is not as it is declared: the line names row, column, what was found and what is expected",
        "503": "Too many requests wait, or predictions or events cannot be kept: ask again after Retry-After seconds",
    }.items()
}


def _protocol(predictor: Predictor) -> dict[str, Any]:
    """Returns the paths of the Open Inference Protocol, whose own document says what they take."""
    paths = {"/v2": "get", "/v2/health/live": "get", "/v2/health/ready": "get", "/v2/repository/index": "post"}
    model = f"/v2/models/{predictor.scorer.name}"
    for place in (model, f"{model}/versions/{predictor.scorer.version}"):
        paths |= {place: "get", f"{place}/ready": "get", f"{place}/infer": "post"}
    words = "Open Inference Protocol, version 2"
    said = {}
    for path, method in paths.items():
        told: dict[str, Any] = {
            "summary": words,
            "responses": {"200": _told(words, {}), "default": _told("An error", _ERROR)},
        }
        if path.endswith("/infer"):
            tensors = {"type": "array", "items": {"type": "object"}, "minItems": len(predictor.inputs)}
            body = {"type": "object", "required": ["inputs"], "properties": {"inputs": tensors}}
            told["requestBody"] = {"content": {_JSON: {"schema": body, "example": example_tensors(predictor)}}}
        said[path] = {method: told}
    return said
