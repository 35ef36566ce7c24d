"""Each rule says no to the fault that it is there for, and no other rule minds; honest data passes all of them."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from recommit.evidence.decision import Point
from recommit.evidence.files import plain
from recommit.learning.gate import as_table, points_as_table
from recommit.learning.rules import RULES, Found, Rule
from recommit.learning.splits import Split
from tests.recommit.learning.world import BOUNDS, FEATURES, MONTHS, World, decided, honest, peeking

JUNE = pd.Timestamp("2013-06-01", tz="UTC")


def refusals(world: World) -> dict[str, str]:
    """The rules that do not say yes, with their reasons."""
    decision = decided(world.evidence())
    return {ruling.rule: ruling.reason for ruling in decision.rules if ruling.answer != "yes"}


@pytest.fixture(scope="module")
def made_once() -> dict:
    return honest().evidence()


@pytest.fixture
def evidence(made_once: dict) -> dict:
    """Each test may change its own."""
    return deepcopy(made_once)


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.all) for seed in range(4, 10))])
def test_honest_data_passes_every_rule(seed: int) -> None:
    assert refusals(honest(seed)) == {}


def column_that_is_the_outcome(world: World) -> None:
    rng = np.random.default_rng(1)
    world.table["arrival_delay"] = np.where(world.table["late"], 15, 0) + rng.uniform(0, 10, len(world.table))
    world.features = [*FEATURES, "arrival_delay"]


def pair_that_is_the_outcome(world: World) -> None:
    coin = np.random.default_rng(1).uniform(size=len(world.table)) < 0.5
    world.table["code"], world.table["key_to_it"] = coin.astype(float), (coin ^ world.table["late"]).astype(float)
    world.features = [*FEATURES, "code", "key_to_it"]


def columns_that_add_up_to_the_outcome(world: World) -> None:
    rng = np.random.default_rng(1)
    parts = rng.normal(scale=3, size=(3, len(world.table)))
    for name, part in zip(
        ("taxi", "air", "gate"), (*parts[:2], world.table["late"] - parts[0] - parts[1]), strict=True
    ):
        world.table[name] = part
    world.features = [*FEATURES, "taxi", "air", "gate"]


def feature_that_sees_the_future(world: World) -> None:
    world.build = peeking


def rows_of_the_test_month_in_training(world: World) -> None:
    copies = world.table[world.table["predicted_at"] >= JUNE].sample(300, random_state=1)
    earlier = {name: copies[name] - pd.Timedelta(days=35) for name in ("predicted_at", "label_known_at")}
    copies = copies.assign(key=copies["key"] + 1_000_000, **earlier)
    world.table = pd.concat([world.table, copies]).sort_values("predicted_at", ignore_index=True)
    world.build = lambda known: known.assign(recent=0.3)


def labels_known_before_they_are_asked_for(world: World) -> None:
    odd = world.table.index[(world.table["predicted_at"] < JUNE - pd.Timedelta(days=40))][::50]
    world.table.loc[odd, "label_known_at"] = world.table.loc[odd, "predicted_at"] - pd.Timedelta(hours=1)


LEAKS = [
    (column_that_is_the_outcome, "arrival_delay"),
    (pair_that_is_the_outcome, "code, key_to_it"),
    (columns_that_add_up_to_the_outcome, "taxi"),
    (feature_that_sees_the_future, "recent"),
    (rows_of_the_test_month_in_training, "shared_rows"),
    (labels_known_before_they_are_asked_for, "time_order"),
]


@pytest.mark.parametrize(("plant", "named"), LEAKS, ids=[plant.__name__ for plant, _ in LEAKS])
def test_a_leak_is_refused_as_a_leak(plant: Callable[[World], None], named: str) -> None:
    world = honest()
    plant(world)
    found = refusals(world)
    # Of a model that knows the outcome, sets at 90 % cannot but hold more.
    assert set(found) - {"coverage"} == {"leakage"}
    assert named in found["leakage"]


LEFT_OUT = [("quality", "quality"), ("staleness", "staleness"), ("robustness", "directions")]


@pytest.mark.parametrize(("stage", "rule"), LEFT_OUT)
def test_what_a_stage_that_is_left_out_would_tell_is_unknown_until_a_declared_line_accepts_it(
    stage: str, rule: str, evidence: dict
) -> None:
    whole = decided(evidence)
    evidence = evidence | {stage: {"left_out": stage, "version": 1}}
    (ruling,) = (one for one in decided(evidence).rules if one.answer != "yes")
    assert (ruling.rule, ruling.answer, ruling.value) == (rule, "unknown", None)
    assert ruling.reason == f"not measured: the stage {stage} is left out by leave_out in params.yaml"
    assert decided(evidence).answer == "unknown"
    line = {"rule": rule, "about": rule, "why": "a first look at a small table"}
    assert decided(evidence, [line]).answer == "yes"
    assert decided(evidence, [line]).rules != whole.rules


def test_what_is_left_out_makes_no_yes_of_a_no() -> None:
    world = honest()
    column_that_is_the_outcome(world)
    left_out = {stage: {"left_out": stage, "version": 1} for stage, _ in LEFT_OUT}
    assert decided(world.evidence() | left_out).answer == "no"


def test_strength_alone_is_a_question_that_a_declared_line_accepts() -> None:
    world = honest()
    world.answered = frozenset()
    evidence = world.evidence()
    (ruling,) = (one for one in decided(evidence).rules if one.answer != "yes")
    assert (ruling.rule, ruling.answer, ruling.value) == ("leakage", "unknown", 0)
    (point,) = ruling.open
    assert point.about.startswith("strong_against_shuffled: jam, load, up to ")
    assert point.about.endswith(" % of the baseline's loss")
    line = {"rule": "leakage", "about": point.about, "why": "the queue and the load are known at the gate"}
    assert decided(evidence, [line]).answer == "yes"


def test_an_answer_about_columns_does_not_answer_when_they_are_worth_more_or_tell_in_another_way() -> None:
    world = honest()
    world.answered = frozenset()
    evidence = world.evidence()
    (point,) = (point for ruling in decided(evidence).rules for point in ruling.open)
    line = {"rule": "leakage", "about": point.about, "why": "the queue and the load are known at the gate"}
    (question,) = evidence["leakage"]["leaks"]
    for grown in ({"worth": question["worth"] + 0.1}, {"kind": "stronger_lately"}):
        evidence["leakage"]["leaks"] = [question | grown]
        assert decided(evidence, [line]).answer == "unknown"


def test_no_line_answers_a_leak_that_is_proved() -> None:
    world = honest()
    column_that_is_the_outcome(world)
    line = {"rule": "leakage", "about": "arrival_delay", "why": "hope"}
    decision = decided(world.evidence(), [line])
    assert decision.answer == "no"
    assert [one.about for one in decision.unused] == ["arrival_delay"]


def half_of_a_month(world: World) -> None:
    june = world.table["predicted_at"] >= JUNE
    world.table = world.table[~(june & (world.table["predicted_at"].dt.hour >= 12))].reset_index(drop=True)


def flood_of_an_unseen_category(world: World) -> None:
    june = world.table.index[world.table["predicted_at"] >= JUNE]
    world.table.loc[june[::3], "airline"] = "ZZ"


def selection_on_the_test_month(world: World) -> None:
    table = world.build(world.table)
    june = table[table["predicted_at"] >= JUNE]
    test = Split("2013-06", table[table["label_known_at"] < JUNE], june, JUNE, MONTHS.now, MONTHS.blocks)
    world.selected = lambda months: [*months[1:], test]


def candidate_that_is_the_champion(world: World) -> None:
    world.champion, world.champion_md5 = lambda rows, chance: chance, "candidate"


def worse_candidate(world: World) -> None:
    world.features = ["wind", "load", "recent"]
    world.champion = lambda rows, chance: expit(-1.2 + 1.2 * rows["jam"] + 0.6 * rows["wind"] + 0.8 * rows["load"])


def candidate_hardly_better_than_the_baseline(world: World) -> None:
    rng = np.random.default_rng(1)
    chance = rng.uniform(size=len(world.table)) < 0.85
    world.table["late"] = world.table["late"].where(~chance, rng.permutation(world.table["late"]))
    world.champion = lambda rows, chance: np.full(len(rows), 0.3)


def good_on_average_and_bad_on_one_part(world: World) -> None:
    def forecast(rows: pd.DataFrame, chance: np.ndarray) -> np.ndarray:
        part = ((rows["airline"] == "C") & (rows["airport"] == "Y")).to_numpy()
        chance = chance.copy()
        chance[part] = expit(1.3 * logit(np.roll(chance[part], 1)))  # each flight there gets another one's, and surer
        return chance

    world.forecast = forecast


def forecast_that_is_too_high(world: World) -> None:
    world.forecast = lambda rows, chance: np.clip(chance + 0.07 * (chance < 0.6), 0, 1)


def forecast_that_is_too_sure(world: World) -> None:
    world.forecast = lambda rows, chance: expit(2.2 * logit(chance) + 0.45)


def sets_that_hold_too_little(world: World) -> None:
    world.level = 0.8


def model_of_last_winter(world: World) -> None:
    world.trained = lambda train: train[train["label_known_at"] < JUNE - pd.Timedelta(days=70)]


def risk_that_falls_in_the_worst_jams(world: World) -> None:
    world.forecast = lambda rows, chance: np.where(rows["jam"] > 2, chance * 0.5, chance)


def candidate_that_learned_from_the_test_month(world: World) -> None:
    world.trained = lambda train: world.build(world.table)


def parity_of_another_model(world: World) -> None:
    world.parity_of = "another"


def another_file_when_fitted_again(world: World) -> None:
    world.same_again = False


def parity_of_another_file(world: World) -> None:
    world.parity_md5 = "an earlier one"


def champion_written_anew(world: World) -> None:
    world.champion = lambda rows, chance: chance


def file_that_predicts_otherwise(world: World) -> None:
    world.parity = 0.01


FAULTS = [
    (half_of_a_month, "quality", "volume"),
    (flood_of_an_unseen_category, "quality", "airline"),
    (selection_on_the_test_month, "test_untouched", "selection used rows settled up to"),
    (candidate_that_is_the_champion, "not_the_champion", "comparing them says nothing"),
    (worse_candidate, "not_worse_than_champion", "not surely no worse"),
    (candidate_hardly_better_than_the_baseline, "better_than_baseline", "not surely better"),
    (good_on_average_and_bad_on_one_part, "worst_slice", "airline x airport = C x Y"),
    (forecast_that_is_too_high, "calibration", "surely off by more than 0.03"),
    (forecast_that_is_too_sure, "calibration_error", "surely off by more than 0.05"),
    (sets_that_hold_too_little, "coverage", "stated 90%: surely off by more than 0.03"),
    (model_of_last_winter, "staleness", "days before the test"),
    (risk_that_falls_in_the_worst_jams, "directions", "a worse jam: surely beyond the bound"),
    (candidate_that_learned_from_the_test_month, "test_untouched", "the candidate used rows settled up to"),
    (parity_of_another_model, "one_candidate", "parity is about another"),
    (parity_of_another_file, "one_candidate", "parity is about another file"),
    (champion_written_anew, "not_the_champion", "comparing them says nothing"),
    (another_file_when_fitted_again, "parity", "fitted again, the candidate becomes another file"),
    (file_that_predicts_otherwise, "parity", "4 rows differ by more than 1e-05"),
]


FOLLOWS = {
    forecast_that_is_too_high: {"calibration_error", "coverage"},
    forecast_that_is_too_sure: {"coverage"},
}
"""Rules that a fault cannot but move as well: the mean of distances is never below the distance of means."""


@pytest.mark.parametrize(("plant", "rule", "said"), FAULTS, ids=[plant.__name__ for plant, *_ in FAULTS])
def test_a_fault_is_refused_by_its_own_rule_and_no_other(plant: Callable[[World], None], rule: str, said: str) -> None:
    world = honest()
    plant(world)
    found = refusals(world)
    assert set(found) - FOLLOWS.get(plant, set()) == {rule}
    assert said in found[rule]


def test_the_age_of_a_model_is_told_in_a_unit_that_people_use(evidence: dict) -> None:
    evidence["staleness"]["candidate"]["age_days"] = 2 / 24 / 60
    (ruling,) = (one for one in decided(evidence).rules if one.rule == "staleness")
    assert ruling.reason == "its training rows end 2 minutes before the test"


def test_labels_that_were_swapped_for_months_stop_at_calibration() -> None:
    world = honest()
    swapped = world.table["predicted_at"] < pd.Timestamp("2013-03-01", tz="UTC")
    world.table.loc[swapped, "late"] = ~world.table.loc[swapped, "late"]
    with pytest.raises(ValueError, match="higher predictions go with fewer outcomes"):
        world.evidence()


def test_every_rule_has_its_bound_and_every_bound_its_rule(evidence: dict) -> None:
    with pytest.raises(ValueError, match="coverage has no bound"):
        decided(evidence, bounds={name: bound for name, bound in BOUNDS.items() if name != "coverage"})
    with pytest.raises(ValueError, match="hope is no rule"):
        decided(evidence, bounds=BOUNDS | {"hope": 1})


def test_a_model_that_the_candidate_was_not_compared_with_is_named(evidence: dict) -> None:
    differences = {"baseline": evidence["test"]["differences"]["baseline"]}
    with pytest.raises(ValueError, match="rule not_the_champion: the evidence lacks 'champion'"):
        decided(evidence | {"test": evidence["test"] | {"differences": differences}})


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("better_than_baseline", ("test", "differences", "baseline", "log_loss")),
        ("not_worse_than_champion", ("test", "differences", "champion", "log_loss")),
        ("calibration", ("test", "calibration", "gap")),
        ("calibration_error", ("test", "calibration", "error")),
        ("coverage", ("test", "coverage", "overall")),
        ("worst_slice", ("slices", "worst", "improvement")),
        ("parity", ("parity", "largest")),
    ],
)
def test_a_number_that_is_none_does_not_pass(evidence: dict, rule: str, place: tuple[str, ...]) -> None:
    def spoiled(content: dict, names: tuple[str, ...]) -> dict:
        if not names:
            return dict.fromkeys(content, float("nan")) if isinstance(content, dict) else float("nan")
        return content | {names[0]: spoiled(content[names[0]], names[1:])}

    decision = decided(spoiled(evidence, place))
    assert [ruling.rule for ruling in decision.rules if ruling.answer == "no"] == [rule]
    assert decision.answer == "no"


@pytest.mark.parametrize(
    ("rule", "file", "key", "nothing"),
    [
        ("schema", "schema", "broken", 1),
        ("quality", "quality", "until", "2013-06-01T00:00:00+00:00"),
        ("leakage", "leakage", "checked", []),
        ("leakage", "point_in_time", "rows", 0),
        ("one_candidate", "selection", "chosen", "another"),
        ("one_candidate", "staleness", "fit", "another"),
        ("one_candidate", "robustness", "fit", "another"),
        ("one_candidate", "robustness", "md5", "an earlier one"),
    ],
)
def test_a_check_that_looked_at_nothing_or_at_something_else_does_not_pass(
    evidence: dict, rule: str, file: str, key: str, nothing: object
) -> None:
    decision = decided(evidence | {file: evidence[file] | {key: nothing}})
    assert [ruling.rule for ruling in decision.rules if ruling.answer == "no"] == [rule]


def unknown(evidence: dict) -> dict[str, list[str]]:
    """The rules that are unknown, with what their points are about; no rule may say no."""
    rulings = decided(evidence).rules
    assert "no" not in {ruling.answer for ruling in rulings}
    return {one.rule: [point.about for point in one.open] for one in rulings if one.answer == "unknown"}


def test_a_schema_without_rules_is_unknown(evidence: dict) -> None:
    assert unknown(evidence | {"schema": evidence["schema"] | {"rules": 0}}) == {"schema": ["schema"]}


@pytest.mark.parametrize("few", [{"blocks": 9}, {"rows": 199}])
def test_a_test_of_few_rows_or_blocks_can_tell_nothing(evidence: dict, few: dict[str, int]) -> None:
    test = evidence["test"] | {"period": evidence["test"]["period"] | few}
    rules = (
        *("better_than_baseline", "not_worse_than_champion", "calibration", "calibration_error", "coverage"),
        "worst_slice",
    )
    assert unknown(evidence | {"test": test}) == {rule: [rule] for rule in rules}


def test_few_blocks_do_not_make_an_unknown_of_a_no(evidence: dict) -> None:
    test = evidence["test"] | {"period": evidence["test"]["period"] | {"blocks": 9}}
    test |= {"differences": {name: {"log_loss": interval(-0.1, 0.01)} for name in ("baseline", "champion")}}
    answers = {ruling.rule: ruling.answer for ruling in decided(evidence | {"test": test}).rules}
    assert (answers["better_than_baseline"], answers["not_worse_than_champion"]) == ("no", "no")


def interval(value: float, half: float) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half, "level": 0.95}


WITHIN = [
    ("calibration", lambda number: {"test": {"calibration": {"gap": number}}}, 0.0),
    ("calibration_error", lambda number: {"test": {"calibration": {"error": number}}}, 0.0),
    ("coverage", lambda number: {"test": {"coverage": {"overall": number}}}, 0.9),
]


def merged(content: dict, more: dict) -> dict:
    return content | {
        key: merged(content[key], value) if isinstance(value, dict) and isinstance(content.get(key), dict) else value
        for key, value in more.items()
    }


@pytest.mark.parametrize(("rule", "place", "center"), WITHIN, ids=[rule for rule, *_ in WITHIN])
@pytest.mark.parametrize(
    ("off", "half", "answer"),
    [
        (0.5, 0.9, "yes"),
        (0.5, 1.1, "unknown"),  # so wide that twice the bound would often look fine
        (1.04, 0.9, "unknown"),  # beyond, but not surely: it passed before
        (1.95, 0.9, "no"),
        (0.0, float("inf"), "unknown"),
        (float("nan"), 0.9, "no"),
    ],
)
def test_a_number_passes_within_the_bound_when_its_interval_is_no_wider_than_twice_that(
    evidence: dict, rule: str, place: Callable, center: float, off: float, half: float, answer: str
) -> None:
    bound = BOUNDS[rule]
    found = merged(evidence, place(interval(center + off * bound, half * bound)))
    assert {ruling.rule: ruling.answer for ruling in decided(found).rules}[rule] == answer


def test_a_direction_beyond_the_bound_is_a_point_of_its_own_name(evidence: dict) -> None:
    (jam,) = evidence["robustness"]["directions"]
    rain = jam | {"name": "rain", "violating": interval(0.052, 0.02)}
    found = evidence | {"robustness": evidence["robustness"] | {"directions": [rain, jam]}}
    assert unknown(found) == {"directions": ["rain"]}
    line = {"rule": "directions", "about": "rain", "why": "heavy rain is too rare to learn from"}
    assert decided(found, [line]).answer == "yes"


@pytest.mark.parametrize(
    ("robustness", "about"),
    [
        ({"directions": [], "unread": ["fog"]}, "directions"),
        ({"directions": []}, "directions"),
        ({"directions": [], "untouched": ["fog"]}, "directions"),
        ({"untouched": ["fog"]}, "fog"),
    ],
)
def test_a_direction_that_was_not_tested_is_unknown(evidence: dict, robustness: dict, about: str) -> None:
    assert unknown(evidence | {"robustness": evidence["robustness"] | robustness}) == {"directions": [about]}


@pytest.mark.parametrize("few", [{"rows": 150}, {"blocks": 9}])
def test_a_direction_of_few_rows_or_blocks_is_unknown(evidence: dict, few: dict[str, int]) -> None:
    (jam,) = evidence["robustness"]["directions"]
    found = evidence["robustness"] | {"directions": [jam | few]}
    assert unknown(evidence | {"robustness": found}) == {"directions": ["a worse jam"]}


@pytest.mark.parametrize("worst", [None, {"improvement": {"value": 0.0, "low": -np.inf, "high": np.inf}}])
def test_parts_that_cannot_be_judged_are_unknown(evidence: dict, worst: dict | None) -> None:
    part = worst and evidence["slices"]["worst"] | worst
    assert unknown(evidence | {"slices": evidence["slices"] | {"worst": part}}) == {"worst_slice": ["worst_slice"]}


def refuse(kind: dict, by_both: int) -> None:
    kind.update(compared=0, refused=kind["rows"], refused_by_both=by_both, largest=0.0)


def every_row_refused(parity: dict) -> None:
    parity.update(largest=0.0, compared=0)
    for kind in parity["kinds"].values():
        refuse(kind, by_both=kind["rows"])


PARITY_FAULTS = [
    (every_row_refused, "of usual, test rows, none was compared"),
    (lambda parity: refuse(parity["kinds"]["missing"], by_both=8), "of missing rows, none was compared"),
    (lambda parity: refuse(parity["kinds"]["usual"], by_both=70), "of usual rows, none was compared"),
    (lambda parity: parity.update(kinds={}), "of usual, test rows, none was compared"),
    (lambda parity: parity["kinds"].pop("test"), "of test rows, none was compared"),
    (lambda parity: refuse(parity["kinds"]["test"], by_both=20), "of test rows, none was compared"),
    (
        lambda parity: parity["kinds"]["test"].update(compared=19, refused=1, refused_by_both=1),
        "of test rows, 1 were not compared",
    ),
    (lambda parity: parity["kinds"].pop("usual"), "of usual rows, none was compared"),
    (lambda parity: parity["kinds"]["usual"].update(compared=1, refused=69), "of usual rows, 69 were not compared"),
    (lambda parity: parity.update(beyond=2), "2 rows differ by more"),
    (lambda parity: parity["kinds"]["unseen"].update(beyond=1), "1 rows differ by more"),
    (lambda parity: parity["kinds"]["unseen"].update(largest=0.5), "largest difference"),
    (lambda parity: parity["kinds"]["unseen"].update(largest=float("nan")), "largest difference"),
]


@pytest.mark.parametrize(("spoil", "said"), PARITY_FAULTS)
def test_parity_that_compared_nothing_of_a_kind_or_differs_in_one_does_not_pass(
    evidence: dict, spoil: Callable[[dict], None], said: str
) -> None:
    parity = deepcopy(evidence["parity"])
    spoil(parity)
    decision = decided(evidence | {"parity": parity})
    refused = {ruling.rule: ruling.reason for ruling in decision.rules if ruling.answer == "no"}
    assert list(refused) == ["parity"]
    assert said in refused["parity"]


def test_rows_that_both_refuse_need_no_comparison(evidence: dict) -> None:
    parity = deepcopy(evidence["parity"])
    refuse(parity["kinds"]["unseen"], by_both=1)
    assert decided(evidence | {"parity": parity}).answer == "yes"


def test_a_direction_that_is_not_a_number_does_not_hide_behind_another(evidence: dict) -> None:
    directions = evidence["robustness"]["directions"]
    unknown = directions[0] | {"violating": dict.fromkeys(directions[0]["violating"], float("nan"))}
    for order in ([*directions, unknown], [unknown, *directions]):
        decision = decided(evidence | {"robustness": evidence["robustness"] | {"directions": order}})
        assert [ruling.rule for ruling in decision.rules if ruling.answer == "no"] == ["directions"]


def test_the_decision_reads_as_a_table_of_all_rules(evidence: dict) -> None:
    table = as_table(decided(evidence))
    assert len(table) == len(RULES)
    assert set(table["verdict"]) == {"✓ yes"}
    must = table.set_index("rule")["must be"]
    assert must["calibration error"] == "at most 0.05, its interval at most 0.1 wide"
    assert must["better than baseline"] == "surely above 0.02"


def test_rules_that_fail_stand_before_those_that_cannot_tell_and_those_before_the_others(evidence: dict) -> None:
    evidence["schema"] = evidence["schema"] | {"broken": 1}
    evidence["staleness"] = {"version": 1, "left_out": "staleness"}
    verdicts = list(as_table(decided(evidence))["verdict"])
    assert verdicts[:2] == ["✗ no", "? unknown"]
    assert set(verdicts[2:]) == {"✓ yes"}


LINE = {"rule": "leakage", "about": "hour, weekday", "why": "a street is busy at the same hours"}


def asked(evidence: dict, monkeypatch: pytest.MonkeyPatch, *about: str, holds: bool | None = True) -> dict:
    """The evidence, with a rule `leakage` that asks a person about each of `about`."""
    points = tuple(Point(one, f"{one} are worth 0.4 of the loss") for one in about)
    found = Found(len(about), holds, "questions", points)
    monkeypatch.setitem(RULES, "leakage", Rule(lambda *_: found, "at most {bound}"))
    return evidence


def test_a_point_is_unknown_until_a_line_with_its_rule_and_name_accepts_it(
    evidence: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(evidence, monkeypatch, "hour, weekday")
    decision = decided(evidence)
    assert decision.answer == "unknown"
    (ruling,) = (ruling for ruling in decision.rules if ruling.answer == "unknown")
    assert ruling.open == (Point("hour, weekday", "hour, weekday are worth 0.4 of the loss"),)

    decision = decided(evidence, [LINE])
    assert decision.answer == "yes"
    (ruling,) = (ruling for ruling in decision.rules if ruling.answer == "unknown")
    assert (ruling.open, ruling.accepted[0].about, ruling.accepted[0].why) == ((), LINE["about"], LINE["why"])
    assert decision.unused == ()


def test_every_point_of_a_rule_needs_its_own_line(evidence: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(evidence, monkeypatch, "hour, weekday", "tail")
    assert decided(evidence, [LINE]).answer == "unknown"
    assert decided(evidence, [LINE, LINE | {"about": "tail"}]).answer == "yes"


def test_a_rule_that_cannot_tell_is_a_point_by_its_own_name(evidence: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(evidence, monkeypatch, holds=None)
    assert decided(evidence).answer == "unknown"
    assert decided(evidence, [LINE]).answer == "unknown"
    assert decided(evidence, [LINE | {"about": "leakage"}]).answer == "yes"


def test_a_no_cannot_be_accepted(evidence: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(evidence, monkeypatch, "hour, weekday", holds=False)
    assert decided(evidence, [LINE, LINE | {"about": "leakage"}]).answer == "no"


def test_a_line_that_accepts_nothing_is_said(evidence: dict) -> None:
    decision = decided(evidence, [LINE])
    assert (decision.answer, [line.about for line in decision.unused]) == ("yes", ["hour, weekday"])
    assert list(points_as_table(decision)["found"]) == ["nothing: the line accepts no point"]
    assert plain(decision)["unused"] == [LINE]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (LINE | {"why": " "}, "why says nothing"),
        (LINE | {"why": "..."}, "why says nothing"),
        (LINE | {"why": None}, "why must be text"),
        (LINE | {"about": 7}, "about must be text"),
        (LINE | {"rule": "hope"}, "hope is no rule"),
        (LINE | {"until": "May"}, "nothing else"),
        ({"rule": "leakage", "about": "tail"}, "it must have rule, about, why"),
        ("leakage", "it must have rule, about, why"),
    ],
)
def test_a_line_that_is_not_whole_is_refused(evidence: dict, line: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decided(evidence, [line])


def test_two_lines_about_one_point_are_refused(evidence: dict) -> None:
    with pytest.raises(ValueError, match="accepted twice"):
        decided(evidence, [LINE, LINE | {"why": "another reason"}])


TIMELESS = {"quality": None, "point_in_time": None, "staleness": None}


def timeless(evidence: dict) -> dict:
    """The same evidence of a problem whose rows have no time: stages that need one do not exist."""
    test = merged(evidence["test"], {"period": {"starts": None, "ends": None}, "candidate": {"trained_until": None}})
    return evidence | TIMELESS | {"test": test, "selection": evidence["selection"] | {"used_until": None}}


def test_rules_that_need_time_are_shown_and_count_for_nothing_where_there_is_none(evidence: dict) -> None:
    decision = decided(timeless(evidence))
    unfit = {one.rule: one for one in decision.rules if one.answer == "does not apply"}
    assert set(unfit) == {"quality", "test_untouched", "staleness"}
    assert {one.reason for one in unfit.values()} == {"does not apply: rows have no time"}
    assert not any(one.passes or one.open for one in unfit.values())
    [leakage] = [one for one in decision.rules if one.rule == "leakage"]
    assert leakage.reason.endswith("the point in time do not apply: rows have no time")
    assert decision.answer == "yes"
    assert as_table(decision).set_index("rule").loc["staleness", "verdict"] == "– does not apply"


def test_a_fault_is_still_refused_where_rows_have_no_time(evidence: dict) -> None:
    broken = timeless(evidence) | {"schema": evidence["schema"] | {"broken": 1}}
    assert decided(broken).answer == "no"


@pytest.mark.parametrize("stage", ["quality", "staleness"])
def test_a_stage_that_is_left_out_is_unknown_where_rows_have_a_time(evidence: dict, stage: str) -> None:
    assert unknown(evidence | {stage: None}) == {stage: [stage]}
    line = {"rule": stage, "about": stage, "why": "a project of one week"}
    assert decided(evidence | {stage: None}, [line]).answer == "yes"


def test_without_the_point_in_time_leaks_were_not_looked_for(evidence: dict) -> None:
    decision = decided(evidence | {"point_in_time": None})
    assert [one.rule for one in decision.rules if one.answer == "no"] == ["leakage"]


def test_a_number_that_few_rows_do_not_give_is_unknown_and_says_so(evidence: dict) -> None:
    nothing = dict.fromkeys(("value", "low", "high"), float("nan"))
    test = merged(evidence["test"], {"period": {"rows": 60, "blocks": 40}, "calibration": {"error": nothing}})
    rulings = {one.rule: one for one in decided(evidence | {"test": test}).rules}
    assert rulings["calibration_error"].answer == "unknown"
    assert rulings["calibration_error"].reason.startswith("not measurable with 60 rows in 40 blocks")
