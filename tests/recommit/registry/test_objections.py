"""What speaks against a promotion: each fault of a decision is told by its own words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from recommit.evidence.numbers import Interval
from recommit.project.hashes import md5_of
from recommit.registry import entry
from recommit.registry.files import hashes
from recommit.registry.objections import judged
from tests.recommit.registry.world import World

Change = Callable[[dict[str, Any]], Any]


def objections(world: World) -> tuple[str, ...]:
    return judged(world.folder, hashes(world.folder / "models/candidate")).objections


def edit(world: World, change: Change) -> None:
    path = world.folder / "models/decision.json"
    decision = json.loads(path.read_text())
    change(decision)
    path.write_text(json.dumps(decision))


def ask(about: str = "a: b is odd", answer: str = "unknown") -> dict[str, Any]:
    return {"answer": answer, "open": [{"about": about, "says": "odd"}]}


def answered(why: str = "known") -> dict[str, Any]:
    return {"answer": "unknown", "accepted": [{"about": "a", "says": "odd", "why": why}]}


def test_a_point_that_a_declared_line_answers_is_no_objection(world: World) -> None:
    edit(world, lambda decision: decision["rules"][0].update(answered()))
    assert objections(world) == ()


@pytest.mark.parametrize("about", ["hour, weekday", 'a "quoted" \\ name', "2013-07", "# {none}: [é]", "a\nb"])
def test_the_line_that_is_printed_answers_the_point(world: World, about: str) -> None:
    edit(world, lambda decision: decision["rules"][0].update(ask(about)))
    (said,) = objections(world)
    line = yaml.safe_load(said[said.rindex("{rule: ") :])
    assert line == {"rule": "not_worse_than_champion", "about": about, "why": "..."}


def test_a_decision_about_these_very_files_meets_no_objection(world: World) -> None:
    assert objections(world) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda decision: decision.update(candidate="0" * 32), "another models/candidate/model.onnx"),
        (lambda decision: decision.update(manifest="0" * 32), "another models/candidate/manifest.json"),
        (lambda decision: decision.update(champion="0" * 32), "another champion"),
        (lambda decision: decision["evidence"].update({"test.json": "0" * 32}), "test.json has changed"),
        (lambda decision: decision["evidence"].update({"gone.json": "0" * 32}), "gone.json is missing"),
        (lambda decision: decision["evidence"].clear(), "test.json was not read"),
        (lambda decision: decision["rules"].clear(), "no rules"),
        (lambda decision: decision["rules"][0].update(answer="no"), "the gate says no, rule not_worse_than_champion"),
        (lambda decision: decision.update(answer="no"), "none of its rules does"),
        (lambda decision: decision["rules"][0].update(answer="unknown"), "no point says what must be judged"),
        (lambda decision: decision.update(answer="unknown"), "no point of its rules is open"),
        (lambda decision: decision["rules"][0].update(ask()), "rule not_worse_than_champion, about a: b is odd: odd"),
        (lambda decision: decision["rules"][0].update(ask(answer="no")), "the gate says no"),
        (lambda decision: decision["rules"][0].update(answered(why=" ")), "why is ' ': string should match"),
        (lambda decision: decision.update(more=1), "more is not known"),
        (lambda decision: decision.pop("champion"), "champion is missing"),
    ],
)
def test_a_fault_is_told_by_its_own_words(world: World, change: Change, words: str) -> None:
    edit(world, change)
    assert any(words in objection for objection in objections(world)), objections(world)


@pytest.mark.parametrize("content", ["", "{", "[]", '"yes"', "[" * 100_000, "\x00"])
def test_a_file_that_is_no_decision_is_an_objection(world: World, content: str) -> None:
    (world.folder / "models/decision.json").write_text(content)
    assert "models/decision.json is not" in objections(world)[0]


@pytest.mark.parametrize("name", ["models/candidate/model.onnx", "models/champion/model.onnx"])
def test_a_swapped_model_is_an_objection(world: World, name: str) -> None:
    (world.folder / name).write_text("model other")
    assert "another" in objections(world)[0]
    assert Path(name).parent.name in objections(world)[0]


def test_a_missing_champion_is_an_objection(world: World) -> None:
    (world.folder / "models/champion/model.onnx").unlink()
    assert "models/champion/model.onnx is missing" in objections(world)[0]


def test_an_end_that_could_not_be_measured_is_none_in_a_version() -> None:
    found = entry.Interval.of(Interval(0.8, float("-inf"), 0.9))
    assert (found.value, found.low, found.high) == (0.8, None, 0.9)


def test_a_feature_that_nobody_has_said_is_known_when_asked_speaks_against_it(world: World) -> None:
    """The decision is of this evidence: what is told is the feature, not that the file changed."""
    own = {"description": "", "source": "rows", "unit": "-", "cost": "none", "owner": "us", "kind": "number"}
    known = {"age": "unasked", "plan": "with the row", "spent": "unasked"}
    features = [{"name": name, "available": available, **own} for name, available in known.items()]
    path = world.folder / "reports/evidence/features.json"
    path.write_text(json.dumps({"version": 1, "question": "?", "features": features}))
    edit(world, lambda decision: decision["evidence"].update({"features.json": md5_of(path)}))
    (said,) = objections(world)
    assert "nobody has said whether age, spent are known when the prediction is asked for" in said
