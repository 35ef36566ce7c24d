"""Vertex AI: https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements."""

import re
from collections.abc import Mapping

from recommit import Refusal
from recommit.serving.guard import as_json
from recommit.serving.hosts.contract import ANYWHERE, Asked, Contract, Place, Read, model_in, port_in
from recommit.serving.hosts.rows import listed, said

_ROUTE = re.compile(r"/[\w.~:@/-]*", re.ASCII)


def contract(environ: Mapping[str, str]) -> Contract:
    """Returns the contract, by the variables AIP_*. Vertex lets in whom IAM allows, without a token of theirs.

    Raises `Refusal` for a route that is none, and for a model in a bucket, which this server does not fetch.
    """
    health, predict = (environ.get(f"AIP_{name}_ROUTE") or f"/vertex/{name.lower()}" for name in ("HEALTH", "PREDICT"))
    for route in (health, predict):
        if not _ROUTE.fullmatch(route):
            raise Refusal(f"AIP_HEALTH_ROUTE and AIP_PREDICT_ROUTE: found {route!r}, expected a path like /predict")
    if "://" in (stored := environ.get("AIP_STORAGE_URI", "")):
        raise Refusal(f"AIP_STORAGE_URI is {stored}: put the model into the image, and upload it without artifact_uri")
    place = Place(ANYWHERE, port_in(environ, "AIP_HTTP_PORT"), model_in(stored) if stored else None)
    return Contract("vertex", predict, (health,), read, admits=True, place=place)


def read(asked: Asked) -> Read:
    """Returns the rows of {"instances": list}, each an object or a list of its values; `parameters` are ignored."""
    key, instances = said(asked, "instances", also=("parameters",))
    return listed(instances, key, asked.names), lambda answers: as_json({"predictions": answers})
