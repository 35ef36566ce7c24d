"""What the OpenAPI document says is what the server does, as Schemathesis judges it over HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommit.batch.scorer import Scorer
from tests.recommit.batch import world
from tests.recommit.serving.test_process import running
from tests.recommit.serving.world import Client, alone, known

REFUSED = [400, 404, 405, 413, 415, 422]


def beyond(path: str, checks: Any) -> list[Callable[..., Any]]:
    """The checks that ask for more than a document can say."""
    if path == "/events":  # each event is judged by itself: the answer to the request is 200
        return [checks.negative_data_rejection]
    # That each input is there once is in the protocol's own document; which rows history reaches is in none.
    return [checks.positive_data_acceptance] if path.endswith("/infer") or path == "/predict" else []


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize("examples", [5, pytest.param(100, marks=pytest.mark.all)])
def test_what_the_document_allows_and_forbids_is_answered_as_it_says(
    scorers: dict[str, Scorer], history: bool, examples: int, tmp_path: Path
) -> None:
    import schemathesis
    from schemathesis.generation import GenerationMode
    from schemathesis.specs.openapi import checks

    problem = world.PROBLEM if history else alone(world.PROBLEM)
    client = Client(problem, scorers["binary"], known=known(problem, tmp_path / "events.db") if history else None)
    config = schemathesis.Config.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": REFUSED}}})
    schema = schemathesis.openapi.from_dict(client.ask("GET", "/openapi.json").json, config=config)
    found = [one.ok() for one in schema.get_all_operations()]
    assert {"/predict", "/v2/models/parcels/infer", "/v2"} <= {one.path for one in found}
    with running(client) as port:
        for one in found:
            left_out = beyond(one.path, checks) if history or one.path != "/predict" else []
            for mode in GenerationMode if one.body else [GenerationMode.POSITIVE]:
                ask(one.as_strategy(generation_mode=mode), examples if one.body else 1, port, left_out)
        assert client.ask("POST", "/predict", client.example).status == 200


def ask(cases: st.SearchStrategy[Any], most: int, port: int, left_out: list[Any]) -> None:
    """Ask so many of the cases at most, and judge each answer."""

    @settings(max_examples=most, deadline=None, database=None, derandomize=True, suppress_health_check=[*HealthCheck])
    @given(case=cases)
    def one(case: Any) -> None:
        case.call_and_validate(base_url=f"http://127.0.0.1:{port}", excluded_checks=left_out)

    one()
