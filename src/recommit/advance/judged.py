"""Collects what a turn is decided by: the gate's decision, scores on the test rows, and how the past period went."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from recommit.advance.log import FILES, log_file
from recommit.advance.period import Clock
from recommit.advance.record import Model, Passed, Said, Tested, Turn
from recommit.batch.outcome import happened
from recommit.evidence.decision import Decision
from recommit.evidence.files import DECISION, read
from recommit.evidence.stages import JudgedModel, Test
from recommit.learning import judging
from recommit.learning.intervals import blocks
from recommit.learning.splits import splitter
from recommit.notebook.ledger import TEST
from recommit.problem import Problem
from recommit.project.yaml import read_params
from recommit.registry.files import hashes
from recommit.registry.looks import tried
from recommit.registry.objections import judged
from recommit.registry.tags import CANDIDATE


def decided(root: Path, problem: Problem, clock: Clock, data: Mapping[str, str]) -> Turn:
    """Returns the record of the turn from `clock` to the next one, from the results in `root`; `data` came in for it.

    The candidate is accepted if the gate says yes and the registry has no objection.
    """
    judgement, tries = judged(root, hashes(root / CANDIDATE)), tried(root)
    decision, test = read(root / DECISION, Decision), read(root / TEST, Test)
    reasons = (*judgement.objections, *tries.objections)
    return Turn(
        starts=clock.at,
        clock=clock.next.at,
        outcome="refused" if reasons else "accepted",
        answer=decision.answer,
        reasons=reasons,
        accepted_points=tuple(map(str, judgement.accepted)),
        candidate=_model(test.candidate),
        champion=_model(test.champion),
        tested=Tested(test.period, test.loss, test.metrics, test.differences),
        passed=passed(root, problem, clock),
        data=dict(data),
        looks=tries.looks,
    )


def passed(root: Path, problem: Problem, clock: Clock) -> Passed | None:
    """Returns how the logged predictions of the period after `clock` went, as far as outcomes are known at its end.

    None where nothing was predicted, or no outcome is known.
    """
    facts = pd.read_parquet(root / f"data/raw/{problem.rows.name}.parquet")
    facts = facts[facts[str(problem.known)] < clock.next.instant]
    joined: dict[str, pd.DataFrame] = {}
    for who in FILES:
        file = log_file(root, who, clock.at)
        if file.is_file():
            task = problem.task
            found = happened(pd.read_parquet(file), facts, problem.key, problem.target, task.dtype)
            if len(found):
                joined[who] = found
    if "champion" not in joined:
        return None
    params = read_params(root)
    said = {who: _said(problem, table, params) for who, table in joined.items()}
    return Passed(said["champion"], said.get("candidate"), _gain(problem, joined, params))


def _said(problem: Problem, table: pd.DataFrame, params: Mapping[str, Any]) -> Said:
    drawn = blocks(_blocks(problem, table, params), params["seed"])
    scores = problem.task.judge(table[problem.target], problem.task.written(table), drawn)
    return Said(len(table), str(table["model_sha256"].iloc[0]), judging.intervals(scores))


def _gain(problem: Problem, joined: Mapping[str, pd.DataFrame], params: Mapping[str, Any]) -> Any:
    """Returns by how much the candidate's loss was below the champion's, on the rows that both predicted."""
    if "candidate" not in joined:
        return None
    keys = set(joined["champion"][problem.key]) & set(joined["candidate"][problem.key])
    tables = {who: table[table[problem.key].isin(keys)].sort_values(problem.key) for who, table in joined.items()}
    if not keys:
        return None
    losses = {
        who: problem.task.losses(table[problem.target], problem.task.written(table)) for who, table in tables.items()
    }
    drawn = blocks(_blocks(problem, tables["champion"], params), params["seed"])
    return drawn.ratio(losses["champion"] - losses["candidate"]).interval()


def _blocks(problem: Problem, table: pd.DataFrame, params: Mapping[str, Any]) -> pd.Series:
    return splitter(problem, params["split"], params["as_of"]).blocks(table)


def _model(found: JudgedModel) -> Model:
    return Model(found.fit, found.md5, found.as_of)
