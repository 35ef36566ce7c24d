"""Every kind of answer with every kind of split: `recommit new` with all guesses taken, and its pipeline."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.system.conftest import ended
from tests.system.test_whole import TIMELESS, quick_project

pytestmark = [pytest.mark.system, pytest.mark.all]
ROWS = 400
ANSWERS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "binary": lambda hired: pd.Series(np.where(hired > 50, "yes", "no")),
    "classes": lambda hired: pd.cut(hired, [-np.inf, 40, 60, np.inf], labels=["few", "some", "many"]).astype("str"),
    "number": lambda hired: hired,
}
SPLITS = {
    "time": ("--time", "asked_at", "--horizon", "3"),
    "groups": ("--no-time", "--group", "station"),
    "hash": ("--no-time",),
}


def hire(answer: str, split: str) -> pd.DataFrame:
    """Bikes hired in half a year: more when it is warm and dry, and more at some stations."""
    draw = np.random.default_rng(3)
    warm, rain = draw.normal(15, 8, ROWS).round(2), draw.exponential(2, ROWS).round(2)
    station = draw.integers(0, 60, ROWS)
    hired = pd.Series((50 + 2 * (warm - 15) - 4 * (rain - 2) + draw.normal(0, 8, ROWS)).round(1))
    table = pd.DataFrame({"id": np.arange(ROWS), "warm": warm, "rain": rain, "hired": ANSWERS[answer](hired)})
    if split == "time":
        table.insert(1, "asked_at", pd.date_range("2023-01-01", periods=ROWS, freq="12h", tz="UTC").astype("str"))
    if split == "groups":
        table.insert(1, "station", [f"s{number:02}" for number in station])
    return table


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_every_stage_runs_and_the_gate_decides(
    answer: str, split: str, programs: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    flags = ("--target", "hired", "--key", "id", "--task", answer, *SPLITS[split])
    project = quick_project(tmp_path, programs, "bikes", hire(answer, split), *flags)
    ran = ended(project.run("recommit", "repro").stdout)
    assert bool(TIMELESS & set(ran)) == (split == "time")
    decision = project.json("models/decision.json")
    assert decision["answer"] in ("yes", "no", "unknown")
    said = {kind: [rule["rule"] for rule in decision["rules"] if rule["answer"] == kind] for kind in ("no", "unknown")}
    stages = ", ".join(dict.fromkeys(name.partition("@")[0] for name in ran))
    because = "; ".join(f"{kind}: {', '.join(rules)}" for kind, rules in said.items() if rules)
    record_property("nine", f"| {answer} | {split} | {len(ran)}: {stages} | {decision['answer']} | {because} |")
