"""Azure Machine Learning: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-custom-container."""

from collections.abc import Mapping

from recommit.serving.guard import as_json
from recommit.serving.hosts.contract import ANYWHERE, Asked, Contract, Place, Read, model_in
from recommit.serving.hosts.mlflow import FORMS, of_json
from recommit.serving.hosts.rows import said


def contract(environ: Mapping[str, str]) -> Contract:
    """Returns the contract. Azure lets in whom the endpoint's keys or tokens allow; `/` is its health route."""
    place = Place(ANYWHERE, model=model_in(environ.get("AZUREML_MODEL_DIR", "")))
    return Contract("azureml", "/score", ("/",), read, key="dataframe_records", admits=True, place=place)


def read(asked: Asked) -> Read:
    """Returns the rows of {"input_data": ...}, whose answer is a list, or of a form of MLflow's.

    `input_data` is split as `dataframe_split`, or a list of rows.
    """
    form, value = said(asked, "input_data", *FORMS, also=("params",))
    bare = form == "input_data"
    return of_json(form, value, asked), lambda answers: as_json(answers if bare else {"predictions": answers})
