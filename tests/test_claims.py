"""What comments and code say stays true when the clock moves: no month's name, no result of a month, no typed power."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
MONTHS = "January|February|March|April|June|July|August|September|October|November|December"
ALLOWED = {
    "src/flights/documents/datasheet.yaml": {"January", "December"},  # the year that the source holds
    "src/recommit/verbs/promote.py": {"October"},  # an example of a reason
}


def named(path: Path) -> set[str]:
    """The months that a file names; May is a word as well, and is not looked for."""
    return set(re.findall(rf"\b(?:{MONTHS})\b", path.read_text(encoding="utf-8")))


def test_no_code_notebook_or_parameter_speaks_of_one_month() -> None:
    kinds = ("src/**/*.py", "src/**/*.yaml", "src/**/*.html", "notebooks/*.ipynb", "params.yaml", "dvc.yaml")
    for path in (path for kind in kinds for path in ROOT.glob(kind)):
        name = path.relative_to(ROOT).as_posix()
        assert named(path) <= ALLOWED.get(name, set()), name


def comments() -> list[str]:
    return [line.partition("#")[2] for line in (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    "claim", [r"\ba tenth\b", r"\bhalf of it\b", r"differ by", r"\bhardly\b", r"\babout a\b", r"\btwo hundred\b"]
)
def test_no_comment_of_the_parameters_tells_what_was_measured_once(claim: str) -> None:
    assert not [comment for comment in comments() if re.search(claim, comment)]


def test_the_power_that_the_docs_state_is_the_simulated_one() -> None:
    simulated = json.loads((ROOT / "benchmarks/results/power.json").read_text(encoding="utf-8"))
    said = (ROOT / "docs/judging.md").read_text(encoding="utf-8")
    for rule, power in simulated["rules"].items():
        row = f"| `{rule}` | {power['bound']:g} | {power['sizes'][0]['yes']:.0%} | {power['found']:g} {power['unit']} |"
        assert row in said, row
    sizes = {rule: power["sizes"] for rule, power in simulated["rules"].items()}
    better = [-sizes["not_worse_than_champion"][0]["size"], sizes["better_than_baseline"][0]["size"]]
    assert f"{better[1]:g} nats better than the baseline and {better[0]:g} better than the champion" in " ".join(
        said.split()
    )
    (alike,) = [row["yes"] for row in sizes["not_worse_than_champion"] if row["size"] == 0]
    assert f"passes in {alike:.0%} of the months" in " ".join(said.split())
    assert f"{simulated['days']} days, {simulated['rows']:,} rows" in said


def test_the_leaks_that_the_docs_call_found_are_the_planted_ones() -> None:
    planted = json.loads((ROOT / "benchmarks/results/leaks.json").read_text(encoding="utf-8"))
    said = (ROOT / "docs/judging.md").read_text(encoding="utf-8")
    for name, leak in planted["leaks"].items():
        row = f"| {name} | `{leak['look']}` | {leak['weakest']:g} {leak['unit']} |"
        assert row in said, row
    assert f"{planted['rows']:,} of the flights' training rows" in said


def test_the_coverage_that_the_docs_state_is_the_simulated_one() -> None:
    simulated = json.loads((ROOT / "benchmarks/results/coverage.json").read_text(encoding="utf-8"))
    said = (ROOT / "docs/judging.md").read_text(encoding="utf-8")
    worlds = simulated["worlds"]
    for name in worlds[0]["held"]:
        held = [world["held"][name] for world in worlds]
        shares = [one["at_95"] for one in held] + [held[-1]["independent"]]
        assert " | ".join(f"{share:.2f}" for share in shares) + " |" in said, name
    others = [one["among_looks"] for world in worlds for name, one in world["held"].items() if "baseline" not in name]
    assert f"all other numbers held {min(others):.2f} or more" in said
    most = max(world["gain_claimed_too_much"] for world in worlds)
    assert f"in at most {most:.1%} of the months" in said
    assert f"In each of {simulated['months']} simulated months ({simulated['days']} days" in said


def test_the_speed_that_the_docs_state_is_the_measured_one() -> None:
    measured = json.loads((ROOT / "benchmarks/results/serve.json").read_text(encoding="utf-8"))
    said = (ROOT / "docs/serve.md").read_text(encoding="utf-8")
    words = " ".join(said.split())
    for one in measured["speed"]:
        if one == "constant, a flight":
            continue
        speed = measured["speed"][one]
        row = f"| {speed['per_second']:,.0f} | {speed['p50_ms']:.1f} | {speed['p99_ms']:.1f} | {speed['cpu_us']:,.0f} |"
        assert row in said, one
    for name, loads in measured["overload"].items():
        for times, load in loads.items():
            come = f"| {name}, {times} times | {load['offered_per_second']:,} | {load['answered_per_second']:,} |"
            assert f"{come} {load['p99_ms']:,.0f} | {load['share_503']:.0%} | {load['cpu_share']:.2f} |" in said
    floor, soak = measured["floor_us"], measured["soak"]
    for claim in (
        f"over {measured['connections']} connections",
        f"has {measured['inputs']} inputs",
        f"On {measured['cores']} cores of {measured['cpu']}",
        f"one run of the model, {floor['model']:.0f} microseconds",
        f"{floor['parser']:.0f} microseconds to parse a body of {measured['body_bytes']['infer']:,} bytes",
        f"takes {measured['memory_mb']['recommit']:.0f} MB",
        f"{measured['first_answer_seconds']['recommit']:.1f} seconds from its start",
        f"In {soak['minutes']:g} minutes",
        f"by {soak['mb_an_hour']:.1f} MB an hour, with a standard error of {soak['standard_error']:.1f}.",
    ):
        assert claim in words, claim
    typed = [one.relative_to(ROOT) for one in (ROOT / "src/recommit/serving").glob("*.py")
             if re.search(r"\d\s+(nano|micro|milli)seconds", one.read_text(encoding="utf-8"))]  # fmt: skip
    assert not typed, "a speed is measured, and not typed"


def interval(one: dict[str, float]) -> str:
    return f"{one['value']:.4f} [{one['low']:.4f}, {one['high']:.4f}]"


def four_months(measured: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/advance.md, from benchmarks/results/four_months.json."""
    rows = [*measured["months"], measured["together"] | {"month": "all four"}]
    months = [
        [one["month"], f"{one['rows']:,}", *(interval(one["loss"][who]) for who in ("champion", "retrained", "frozen"))]
        + [interval(one["better_than_frozen"][who]) for who in ("champion", "retrained")]
        for one in rows
    ]
    ends = [month["at_its_end"] for month in measured["months"]]
    decisions = [
        [
            *(end["clock"], end["fit"]),
            f"promoted as {end['promoted_as']}" if end["promoted_as"] else end["outcome"],
            *(
                interval(end["better_than_champion"]),
                "; ".join(why.partition("; to accept it")[0] for why in end["reasons"]) or "every rule holds",
            ),
        ]
        for end in ends
    ]
    candidates = [
        [one["clock"], f"{one['validation']:.4f}", f"{one['test']:.4f}", f"{one['came']['value']:.4f}"]
        for one in measured["candidates"]
    ]
    heads = {
        "months": "month | flights | champion in force | always retrained | left alone | champion better by | "
        "retrained better by",
        "decisions": "clock | candidate | decided | better than the champion by | why",
        "candidates": "candidate of | validation | test | the month that came",
    }
    return {
        name: "\n".join(
            [f"| {heads[name]} |", f"|{' --- |' * len(table[0])}", *(f"| {' | '.join(row)} |" for row in table)]
        )
        for name, table in (("months", months), ("decisions", decisions), ("candidates", candidates))
    }


def test_the_four_months_that_the_docs_state_are_the_measured_ones() -> None:
    measured = json.loads((ROOT / "benchmarks/results/four_months.json").read_text(encoding="utf-8"))
    said = (ROOT / "docs/advance.md").read_text(encoding="utf-8")
    for name, table in four_months(measured).items():
        assert table in said, name
    words = " ".join(said.split())
    share = f"{measured['sample']:.0%} of the flights" if measured["sample"] < 1 else "all flights"
    assert f"in a fresh clone, on {share}" in words
    for name, found in measured["correlation_with_what_came"].items():
        assert f"{name} {found:.2f}" in words


def test_the_watching_that_the_docs_tell_of_is_the_measured_one() -> None:
    measured = json.loads((ROOT / "benchmarks/results/monitor.json").read_text(encoding="utf-8"))
    said = (ROOT / "docs/monitor.md").read_text(encoding="utf-8")
    words = " ".join(said.split())
    for name, fault in measured["faults"].items():
        middle, low, high = (
            f"over {measured['within_days']}" if fault[end] is None else f"{fault[end]:g}"
            for end in ("median_days", "low", "high")
        )
        within = f"{fault['found']:.0%} [{fault['found_low']:.0%}, {fault['found_high']:.0%}]"
        by = max(fault["first_by"], key=fault["first_by"].get) if fault["first_by"] else "–"
        named = ", ".join(f"`{column}` {share:.0%}" for column, share in fault["named"].items()) or "–"
        row = f"| {name} | {middle} [{low}, {high}] | {within} | {by} | {named} |"
        assert row in said, row
    for alert in measured["real"]["alerts"]:
        row = f"| {alert['series']} | {alert['since']} | {alert['day']} | {alert['until']} |"
        assert row in said, row
    apart = measured["false_alarms"]["found"]
    assert apart["low"] >= 90, "the limits are set for fewer false alarms than one in 90 days"
    assert f"{apart['value']:.0f} days [{apart['low']:.0f}, {apart['high']:.0f}]" in words
    speed = measured["speed"]
    for one in (speed["recommit"], speed["evidently"]):
        assert f"| {one['library']} | {one['seconds']:.1f} | {one['peak_mb']:,} |" in said, one["library"]
    many = [f"{speed[name]['peak_mb']:,} MB for {speed[name]['rows']:,} rows" for name in ("tenth", "many")]
    assert all(one in words for one in many), many


def test_the_sets_by_outcome_that_the_docs_tell_of_are_the_measured_ones() -> None:
    measured = json.loads((ROOT / "benchmarks/results/sets.json").read_text(encoding="utf-8"))
    said = (ROOT / "docs/judging.md").read_text(encoding="utf-8")
    assert f"{measured['sample']:.0%} of the flights (`benchmarks/sets.py`" in " ".join(said.split())
    for month in (*measured["months"], measured["together"] | {"month": "all four"}):
        for found in month["coverage"].values():
            each = [
                f"{one['value']:.0%} [{one['low']:.0%}, {one['high']:.0%}]"
                for one in (found["late"], found["punctual"])
            ]
            both = found["share that holds both outcomes"]["value"]
            row = f" | {' | '.join(each)} | {found['overall']['value']:.0%} | {both:.0%} |"
            assert any(line.startswith(f"| {month['month']} ") and row in line for line in said.splitlines()), row
