"""A second model beside the one that is served: a shadow, or a canary."""

from pathlib import Path
from typing import Any

from recommit.batch.scorer import Scorer
from recommit.serving.app import Routes, served
from recommit.serving.canary import Canary
from recommit.serving.guard import Guard
from recommit.serving.hosts.contract import Contract
from recommit.serving.limits import Limits
from recommit.serving.log import Role
from recommit.serving.operation import refuse_golden
from recommit.serving.own import Own
from recommit.serving.shadow import Shadow


def beside(
    guard: Guard,
    scorer: Scorer,
    role: Role,
    example: Any,
    limits: Limits,
    share: float = 0.0,
    board: Path | None = None,
    contract: Contract | None = None,
) -> None:
    """Puts a model beside the one of `guard`: a shadow, or a canary for a `share` of requests.

    A host's `contract` is its own too. Raises `Refusal` where it is of another problem, or does not answer its golden
    rows as expected.
    """
    predictor, operation = guard.served.predictor.by(Own.of(scorer)), guard.operation
    refuse_golden(predictor)
    made = served(Routes(predictor, example, limits, contract=contract, operation=operation, role=role))
    if role == "shadow":
        guard.shadow = Shadow(made, operation.meters, guard.busy)
        operation.during.append(guard.shadow.asking())
    else:
        operation.canary = Canary(made, share, operation, board)
        operation.during.append(operation.canary.watching())
