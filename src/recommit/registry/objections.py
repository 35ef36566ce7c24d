"""Lists the objections to a promotion: the gate's decision says no, or is about other files."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Literal

from recommit import Refusal
from recommit.artifact.champion import champion
from recommit.evidence.decision import Decision
from recommit.evidence.files import DECISION, FOLDER, parse
from recommit.evidence.stages import Features, Test
from recommit.notebook.ledger import TEST
from recommit.project.hashes import md5_of
from recommit.registry.entry import Accepted, File, Interval, one_line
from recommit.registry.files import BASELINE, CHAMPION, MANIFEST, MODEL
from recommit.registry.tags import CANDIDATE

FEATURES = f"{FOLDER}/features.json"


@dataclass(frozen=True)
class Judged:
    """What the gate's decision says about a promotion: its `answer` ("none" without a decision) and all objections.

    `accepted` are the points that declared lines accepted; `unused` the lines that accepted none. `metrics` are the
    candidate's on the test rows, from the evidence that the decision read.
    """

    objections: tuple[str, ...]
    answer: Literal["yes", "no", "unknown", "none"] = "none"
    accepted: tuple[Accepted, ...] = ()
    unused: tuple[str, ...] = ()
    metrics: dict[str, Interval] = field(default_factory=dict)


def judged(root: Path, files: Mapping[str, File]) -> Judged:
    """Read the decision of the project in `root`, and compare it with the candidate's `files` and the evidence."""
    path = root / DECISION
    if not path.is_file():
        return Judged((f"{DECISION} is missing: `dvc repro gate` makes it",))
    try:
        decision = parse(path.read_bytes(), Decision, DECISION)
    except Refusal as refusal:
        return Judged((str(refusal),))
    objections = (*_no(decision), *_open(decision), *_other(root, decision, files), *_unasked(root))
    unused = tuple(f"rule {one_line(line.rule)}, about {one_line(line.about)}" for line in decision.unused)
    return Judged(objections, decision.answer, _accepted(decision), unused, _metrics(root, decision))


def _no(decision: Decision) -> Iterator[str]:
    failed = [rule for rule in decision.rules if rule.answer == "no"]
    for rule in failed:
        measured = "" if rule.value is None else f"{rule.value:.3g}"
        interval = "" if rule.low is None or rule.high is None else f" [{rule.low:.3g}, {rule.high:.3g}]"
        yield f"the gate says no, rule {rule.rule}: {measured}{interval}, bound {rule.bound:g}: {rule.reason}"
    if decision.answer == "no" and not failed:
        yield f"{DECISION} says no, and none of its rules does: `dvc repro gate` makes it anew"
    if not decision.rules:
        yield f"{DECISION} holds no rules: nothing was decided"


def _open(decision: Decision) -> Iterator[str]:
    """Yield each point that no line accepts, with the line to add to params.yaml, which lacks only the reason."""
    unknown = [rule for rule in decision.rules if rule.answer == "unknown"]
    for rule in unknown:
        for point in rule.open:
            line = f'{{rule: {rule.rule}, about: {json.dumps(point.about, ensure_ascii=False)}, why: "..."}}'
            yield (
                f"the gate cannot tell, rule {rule.rule}, about {point.about}: {point.says}; to accept it, add this to "
                f"the list `accepted` in params.yaml, with a reason: {line}"
            )
        if not rule.open and not rule.accepted:
            yield f"the gate cannot tell, rule {rule.rule}: {rule.reason}: no point says what must be judged"
    if decision.answer == "unknown" and not any(rule.open for rule in unknown):
        yield f"{DECISION} says unknown, and no point of its rules is open: `dvc repro gate` makes it anew"


def _accepted(decision: Decision) -> tuple[Accepted, ...]:
    """Return the points that lines of params.yaml accepted, each with its rule, as a tag records them."""
    return tuple(
        Accepted(rule=rule.rule, **{name: one_line(text) for name, text in vars(point).items()})
        for rule in decision.rules
        for point in rule.accepted
    )


def _other(root: Path, decision: Decision, files: Mapping[str, File]) -> Iterator[str]:
    """Yield an objection for each file that differs from the one that the decision is about."""
    # The manifest names the hashes of model and golden rows.
    for name, md5 in ((MODEL, decision.candidate), (MANIFEST, decision.manifest)):
        if md5 != files[name].md5:
            this = f"than this one ({files[name].md5}): `dvc repro`"
            yield f"{DECISION} judged another {CANDIDATE}/{name} (md5 {md5}) {this}"
    promoted = root / CHAMPION
    away = (root / f"{CHAMPION}.dvc").is_file() and not (promoted / MODEL).is_file()
    compared = (promoted if away else champion(promoted, root / BASELINE)) / MODEL
    here = md5_of(compared) if compared.is_file() else None
    if here is None:
        yield f"{CHAMPION}/{MODEL} is missing, which the candidate was compared with: `dvc checkout {CHAMPION}.dvc`"
    elif here != decision.champion:
        yield f"{DECISION} compared with another champion (md5 {decision.champion}) than this one ({here}): `dvc repro`"
    found = {path.relative_to(root / FOLDER).as_posix() for path in (root / FOLDER).rglob("*.json")}
    for name in sorted(found | set(decision.evidence)):
        if name not in found:
            yield f"evidence {name} is missing, and the decision read it: `dvc repro`"
        elif name not in decision.evidence:
            yield f"evidence {name} was not read by the decision: `dvc repro gate`"
        elif md5_of(root / FOLDER / name) != decision.evidence[name]:
            yield f"evidence {name} has changed since the decision: `dvc repro`"


def _unasked(root: Path) -> Iterator[str]:
    """Yield an objection if nobody has said whether a feature is known when the prediction is asked for."""
    path = root / FEATURES
    try:
        features = parse(path.read_bytes(), Features, FEATURES).features if path.is_file() else ()
    except Refusal as refusal:
        yield str(refusal)
        return
    if names := [feature.name for feature in features if feature.unasked]:
        yield (
            f"nobody has said whether {', '.join(names)} {'are' if len(names) > 1 else 'is'} known when the prediction "
            "is asked for: where the catalogue says UNASKED, say from when, or take the feature out; then `dvc repro`"
        )


def _metrics(root: Path, decision: Decision) -> dict[str, Interval]:
    """Return the candidate's metrics on the test rows; none where the decision read other evidence, or it is broken."""
    path = root / TEST
    if not path.is_file() or md5_of(path) != decision.evidence.get(TEST.removeprefix(f"{FOLDER}/")):
        return {}
    try:
        found = parse(path.read_bytes(), Test, TEST).metrics["candidate"]
        return {name: Interval.of(one) for name, one in found.items() if isfinite(one.value)}
    except (Refusal, KeyError, ValueError):
        return {}
