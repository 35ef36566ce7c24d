"""MLflow's scoring server, and so Databricks: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally."""

from collections.abc import Mapping, Sequence
from typing import Any

from recommit.serving.guard import as_json
from recommit.serving.hosts.contract import CSV, JSON, Asked, Contract, Place, Read, server_version
from recommit.serving.hosts.rows import listed, of_csv, row_of, said
from recommit.serving.refused import Refused, shown

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}


def contract(environ: Mapping[str, str]) -> Contract:
    """Returns the contract. `/version` tells the version of this server: there is no MLflow in it."""
    return Contract(
        "mlflow",
        "/invocations",
        ("/ping", "/health"),
        read,
        (JSON, CSV),
        "dataframe_records",
        texts={"/version": server_version()},
        error=error,
        place=Place(),
    )


def read(asked: Asked) -> Read:
    """Returns the rows of an object with one of `FORMS`, or of CSV with a header; `params` are ignored."""
    rows = of_csv(asked, headed=True) if asked.kind == CSV else of_json(*said(asked, *FORMS, also=("params",)), asked)
    return rows, lambda answers: as_json({"predictions": answers})


def of_json(form: str, value: Any, asked: Asked) -> list[Any]:
    """Returns the rows of a `value` in a `form`: split as pandas does, records, or lists of values by row or column."""
    if form == "dataframe_records":
        return _list(value, form)
    if type(value) is dict and "data" in value and form != "inputs":
        columns = value.get("columns", asked.names)
        if value.keys() - {"columns", "data", "index"} or not _distinct(columns):
            raise Refused(422, f"found {shown(value)} as {form}, expected columns, each once, and data")
        rows = _list(value["data"], f"the data of {form}")
        return [row_of(_list(row, "a row"), columns, place) for place, row in enumerate(rows)]
    if type(value) is dict and form == "inputs":
        columns = [_list(one, f"the column {shown(name)}") for name, one in value.items()]
        if len({*map(len, columns)}) > 1:
            raise Refused(422, "found columns of different lengths, expected one value for each row")
        return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    return listed(value, form, asked.names)


def error(status: int, line: str) -> tuple[int, Any]:
    """Returns an error as MLflow writes it, where what is wrong with a body is 400."""
    return 400 if status == 422 else status, {"error_code": _CODES.get(status, "BAD_REQUEST"), "message": line}


def _list(value: Any, what: str) -> list[Any]:
    if type(value) is not list:
        raise Refused(422, f"found {shown(value)} as {what}, expected a list")
    return value


def _distinct(columns: Sequence[Any]) -> bool:
    return type(columns) is list and all(type(one) is str for one in columns) and len({*columns}) == len(columns)
