"""KServe, which asks by the Open Inference Protocol: https://kserve.github.io/website."""

from collections.abc import Mapping

from recommit.serving.hosts.contract import ANYWHERE, Contract, Place, model_in

MODEL_FOLDER = "/mnt/models"
"""Where KServe's storage initializer puts what `storageUri` names."""


def contract(environ: Mapping[str, str]) -> Contract:
    """Returns the contract: where to listen, and which model; the routes are those of the protocol, which are there."""
    return Contract("kserve", place=Place(ANYWHERE, 8080, model_in(MODEL_FOLDER)))
