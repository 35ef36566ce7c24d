"""What speaks against a promotion: the gate's decision, and whether it is about these very bytes."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recommit.notebook.ledger import TEST
from recommit.project.hashes import md5_of
from recommit.registry.entry import Accepted, File, Interval, one_line
from recommit.registry.files import CHAMPION, MANIFEST, MODEL
from recommit.registry.tags import CANDIDATE

DECISION = "models/decision.json"
EVIDENCE = "reports/evidence"
TEST_NAME = TEST.removeprefix(f"{EVIDENCE}/")


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Point(_Closed):
    """What a person must answer before the rule passes: what it is about, and what was found."""

    about: str
    says: str


class Answer(Point):
    """A point that a line of `accepted` in params.yaml answers, and why."""

    why: str = Field(pattern=r"\S")


class Line(_Closed):
    """A line of `accepted` in params.yaml."""

    rule: str
    about: str
    why: str


class Rule(_Closed):
    """One rule of the gate, as `recommit.learning.gate` wrote it down."""

    rule: str
    value: float | None
    low: float | None
    high: float | None
    bound: float
    passes_when: str
    verdict: Literal["yes", "no", "unknown"]
    reason: str
    accepted: tuple[Answer, ...]
    open: tuple[Point, ...]


class Decision(_Closed):
    """models/decision.json: whether the candidate may be promoted, and the MD5 of all that it was judged by."""

    verdict: Literal["yes", "no", "unknown"]
    candidate: str
    manifest: str
    champion: str
    rules: tuple[Rule, ...]
    unused: tuple[Line, ...]
    """Lines of `accepted` that answer no point."""
    evidence: dict[str, str]


@dataclass(frozen=True)
class Judged:
    """The decision as found: its verdict, its hash, what was measured, and all that speaks against promoting.

    `accepted` are the points that declared lines answered; `unused` the lines that answered none.
    """

    decision: Literal["yes", "no", "unknown", "none"]
    sha256: str | None
    metrics: Mapping[str, Interval]
    objections: tuple[str, ...]
    accepted: tuple[Accepted, ...] = ()
    unused: tuple[str, ...] = ()


def judged(root: Path, files: Mapping[str, File]) -> Judged:
    """Read the decision and hold it against the files as they are; `files` are the candidate's."""
    path = root / DECISION
    if not path.is_file():
        return Judged("none", None, {}, (f"{DECISION} is missing: `dvc repro gate` makes it",))
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    try:
        decision = Decision.model_validate(json.loads(content))
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        return Judged("none", digest, {}, (f"{DECISION} is not what the gate writes: {why}: `dvc repro gate`",))
    except (ValueError, RecursionError) as error:
        return Judged("none", digest, {}, (f"{DECISION} is not JSON: {error}: `dvc repro gate` makes it anew",))
    objections = (*_no(decision), *_open(decision), *_other(root, decision, files))
    unused = tuple(f"rule {one_line(line.rule)}, about {one_line(line.about)}" for line in decision.unused)
    return Judged(decision.verdict, digest, _measured(root, decision), objections, accepted_in(content), unused)


def _no(decision: Decision) -> Iterator[str]:
    failed = [rule for rule in decision.rules if rule.verdict == "no"]
    for rule in failed:
        measured = "" if rule.value is None else f"{rule.value:.3g}"
        interval = "" if rule.low is None or rule.high is None else f" [{rule.low:.3g}, {rule.high:.3g}]"
        yield f"the gate says no, rule {rule.rule}: {measured}{interval}, bound {rule.bound:g}: {rule.reason}"
    if decision.verdict == "no" and not failed:
        yield f"{DECISION} says no, and none of its rules does: `dvc repro gate` makes it anew"
    if not decision.rules:
        yield f"{DECISION} holds no rules: nothing was decided"


def _open(decision: Decision) -> Iterator[str]:
    """Each point that nobody answered, with the line that would answer it once it says why."""
    unknown = [rule for rule in decision.rules if rule.verdict == "unknown"]
    for rule in unknown:
        for point in rule.open:
            line = f'{{rule: {rule.rule}, about: {json.dumps(point.about, ensure_ascii=False)}, why: "..."}}'
            yield (
                f"the gate cannot tell, rule {rule.rule}, about {point.about}: {point.says}; to accept it, add this to "
                f"the list `accepted` in params.yaml, with a reason: {line}"
            )
        if not rule.open and not rule.accepted:
            yield f"the gate cannot tell, rule {rule.rule}: {rule.reason}: no point says what must be answered"
    if decision.verdict == "unknown" and not any(rule.open for rule in unknown):
        yield f"{DECISION} says unknown, and no point of its rules is open: `dvc repro gate` makes it anew"


def accepted_in(decision: bytes) -> tuple[Accepted, ...]:
    """The points that declared lines answered in the bytes of a decision; none where it is no decision."""
    try:
        rules = Decision.model_validate(json.loads(decision)).rules
        return tuple(
            Accepted(rule=rule.rule, **{name: one_line(text) for name, text in answer.model_dump().items()})
            for rule in rules
            for answer in rule.accepted
        )
    except (ValueError, RecursionError):
        return ()


def _other(root: Path, decision: Decision, files: Mapping[str, File]) -> Iterator[str]:
    """Where the decision is about other files than those that are here."""
    # The manifest names the hashes of model and golden rows.
    for name, md5 in ((MODEL, decision.candidate), (MANIFEST, decision.manifest)):
        if md5 != files[name].md5:
            this = f"than this one ({files[name].md5}): `dvc repro`"
            yield f"{DECISION} judged another {CANDIDATE}/{name} (md5 {md5}) {this}"
    champion = root / CHAMPION / MODEL
    here = md5_of(champion) if champion.is_file() else None
    if here is None:
        yield f"{CHAMPION}/{MODEL} is missing, which the candidate was compared with: `dvc checkout {CHAMPION}.dvc`"
    elif here != decision.champion:
        yield f"{DECISION} compared with another champion (md5 {decision.champion}) than this one ({here}): `dvc repro`"
    found = {path.relative_to(root / EVIDENCE).as_posix() for path in (root / EVIDENCE).rglob("*.json")}
    for name in sorted(found | set(decision.evidence)):
        if name not in found:
            yield f"evidence {name} is missing, and the decision read it: `dvc repro`"
        elif name not in decision.evidence:
            yield f"evidence {name} was not read by the decision: `dvc repro gate`"
        elif md5_of(root / EVIDENCE / name) != decision.evidence[name]:
            yield f"evidence {name} has changed since the decision: `dvc repro`"


def _measured(root: Path, decision: Decision) -> dict[str, Interval]:
    """The candidate's metrics on the test month, with their intervals, from the evidence that the decision read."""
    path = root / TEST
    if not path.is_file() or md5_of(path) != decision.evidence.get(TEST_NAME):
        return {}
    return metrics_in(path.read_bytes())


def metrics_in(evidence: bytes) -> dict[str, Interval]:
    """The candidate's metrics in the evidence of the test month, with their intervals; none where it has none."""
    try:
        found: Any = json.loads(evidence)["metrics"]["candidate"]
        return {name: Interval.model_validate(interval) for name, interval in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
