"""Amazon SageMaker: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from recommit.serving.guard import as_json
from recommit.serving.hosts.contract import ANYWHERE, CSV, JSON, Asked, Contract, Found, Place, Read, model_in, port_in
from recommit.serving.hosts.rows import as_csv, listed, of_csv
from recommit.serving.limits import parse

MODEL_FOLDER = "/opt/ml/model"
"""Where SageMaker unpacks what `ModelDataUrl` names."""


def contract(environ: Mapping[str, str]) -> Contract:
    """Returns the contract. SageMaker runs `IMAGE serve`, and lets in whom IAM allows, without a token of theirs."""
    place = Place(ANYWHERE, port_in(environ, "SAGEMAKER_BIND_TO_PORT"), model_in(MODEL_FOLDER))
    return Contract("sagemaker", "/invocations", ("/ping",), read, (JSON, CSV), admits=True, place=place)


def read(asked: Asked) -> Read:
    """Returns the rows of a request: one row or a list as POST /predict takes, {"instances": list}, or CSV.

    An instance is a row as an object, a list of its values, or {"features": list of its values}. The answer is CSV
    without a header where that is asked for by Accept.
    """
    if asked.kind == CSV:
        rows, one, wrapped = of_csv(asked, headed=False), False, True
    else:
        found = parse(asked.body, asked.limits)
        wrapped = type(found) is dict and type(found.get("instances")) is list and len(found) == 1
        one = type(found) is not list and not wrapped
        values = found["instances"] if wrapped else [found] if one else found
        rows = listed([_plain(value) for value in values], "instances", asked.names)

    def write(answers: Found) -> Response:
        if asked.accept.startswith(CSV):
            return Response(as_csv([[answer[name] for name in asked.outputs] for answer in answers]), media_type=CSV)
        return as_json({"predictions": answers} if wrapped else answers[0] if one else answers)

    return rows, write


def _plain(instance: Any) -> Any:
    if type(instance) is dict and instance.keys() == {"features"} and type(instance["features"]) is list:
        return instance["features"]
    return instance
