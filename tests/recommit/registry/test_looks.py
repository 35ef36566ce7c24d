"""A promotion asks more of a candidate the more candidates were judged on its test rows, remembered by whatever ref."""

import json
from pathlib import Path

import pytest

from recommit import Refusal
from recommit.notebook.ledger import LEDGER, TEST
from recommit.registry.change import report
from recommit.registry.entry import StageEntry
from recommit.registry.history import read_registry
from recommit.registry.listing import as_data, as_text
from recommit.registry.looks import tried
from recommit.registry.promote import promote
from tests.recommit.registry.world import World


def another(world: World, number: int, period: tuple[str, str] = ("2013-08-01", "2013-09-01"), **more: str) -> str:
    """The evidence of another candidate, judged on the same month unless said otherwise."""
    found = json.loads((world.folder / TEST).read_text())
    starts, ends = (f"{day} 00:00:00+00:00" for day in period)
    changed = {"candidate": {"md5": f"{number:032x}"}, "period": {"starts": starts, "ends": ends, "keys": "k"} | more}
    return json.dumps(found | changed)


def experiment(world: World, ref: str, *evidence: str) -> None:
    """Commits of evidence that `ref` alone leads to, as an experiment's, the main branch being left as it is."""
    head = world.git("symbolic-ref", "--short", "HEAD")
    world.git("checkout", "--quiet", "--detach")
    for content in evidence:
        (world.folder / TEST).write_text(content)
        commit = world.commit("an experiment")
    world.git("checkout", "--quiet", head)
    world.git("update-ref", ref, commit)


def note(world: World, *evidence: str) -> None:
    with (world.folder / ".git" / LEDGER).open("a") as ledger:
        for content in map(json.loads, evidence):
            look = {"candidate": content["candidate"]["md5"], **content["period"]}
            ledger.write(json.dumps(look) + "\n")


def refusal(world: World) -> str:
    with pytest.raises(Refusal) as raised:
        promote(world.folder, "prod", "", False)
    assert raised.value.status == 1
    return str(raised.value)


def hardly_better(world: World) -> None:
    """A candidate that one look lets pass: better than the champion by little more than a month's luck."""
    world.train("hardly", 0.505)


def test_a_first_look_is_judged_as_the_gate_judged_it(world: World) -> None:
    assert tried(world.folder).looks == 1
    change = promote(world.folder, "prod", "", False)
    assert change.looks == 1
    entry = read_registry(world.folder).entry("v1.0.0")
    assert entry is not None
    assert entry.looks == 1


def test_rows_without_a_time_are_counted_and_promoted(world: World) -> None:
    """Such as are drawn by a group or a hash: their evidence has no period."""
    found = json.loads((world.folder / TEST).read_text())
    found["period"] |= {"starts": None, "ends": None}
    (world.folder / TEST).write_text(json.dumps(found))
    assert tried(world.folder).looks == 1
    note(world, *(json.dumps(json.loads(another(world, number)) | {"period": {"keys": "k"}}) for number in range(3)))
    assert tried(world.folder).looks == 4


def test_the_best_of_sixteen_is_refused_in_one_clear_line(world: World) -> None:
    hardly_better(world)
    note(world, *(another(world, number) for number in range(14)))
    assert tried(world.folder).looks == 16  # the world's first candidate, 14 that only the ledger knows, and this one
    said = refusal(world)
    assert said.startswith(
        "not promoted: rule not_worse_than_champion: 16 candidates were judged on this test period, so the error rate "
        "is divided by 16: 0.0"
    )
    assert "at 99.69 %, and the lower end must reach 0: judge on a new test period (move as_of), try fewer, or" in said
    assert "looks in other clones are unknown" in said
    assert "\n" not in said


def test_forced_past_it_the_record_and_the_listing_say_so(world: World) -> None:
    hardly_better(world)
    note(world, *(another(world, number) for number in range(14)))
    said: list[str] = []
    report(promote(world.folder, "prod", "the only one that runs", True), False, said.append)
    assert "16 candidates were judged on this test period, as far as this clone knows; looks in other clones" in said[0]
    found = read_registry(world.folder)
    entry = found.entry("v1.0.0")
    assert entry is not None
    assert entry.looks == 16
    assert "16 candidates were judged" in entry.overruled[0]
    given = found.entries["toy#prod#1"]
    assert isinstance(given, StageEntry)
    assert given.looks == 16
    data = as_data(world.folder, found)
    assert data["versions"][0]["looks"] == 16
    head, row, *_ = as_text(data)
    assert row[head.index("looks") :].startswith("16 ")


def test_every_ref_is_counted_once_for_each_candidate(world: World) -> None:
    experiment(world, "refs/exps/ab/cdef/one", another(world, 1), another(world, 2))
    experiment(world, "refs/heads/side", another(world, 2), another(world, 3))
    experiment(world, "refs/tags/kept", another(world, 4))
    experiment(world, "refs/exps/stash", another(world, 1))
    note(world, another(world, 3), another(world, 5), another(world, 5))
    assert tried(world.folder).looks == 6


def test_the_side_that_a_merge_dropped_is_counted(world: World) -> None:
    experiment(world, "refs/heads/side", another(world, 1))
    world.git("merge", "--quiet", "--strategy=ours", "-m", "ours", "side")
    world.git("branch", "--quiet", "-D", "side")
    assert tried(world.folder).looks == 2


def test_another_sample_of_the_month_counts_and_another_month_does_not(world: World) -> None:
    note(world, another(world, 1, keys="a sample of it"), another(world, 2, ("2013-07-01", "2013-08-01")))
    note(world, another(world, 3, ("2013-08-20", "2013-09-20")))
    assert tried(world.folder).looks == 3


def test_a_project_below_the_top_of_its_repository_counts_its_own_commits(world: World, tmp_path: Path) -> None:
    top = World(tmp_path / "top")
    top.folder.mkdir()
    top.git("init", "--quiet")
    top.git("config", "user.name", "Ana")
    top.git("config", "user.email", "ana@example.org")
    below = World(top.folder / "models" / "toy")
    for name in (TEST, "models/decision.json"):
        (below.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (below.folder / name).write_bytes((world.folder / name).read_bytes())
    below.commit("this candidate")
    (below.folder / TEST).write_text(another(world, 1))
    below.commit("another")
    below.git("checkout", "--quiet", "HEAD~1", "--", ".")
    assert tried(below.folder).looks == 2


def test_evidence_that_does_not_say_who_was_judged_on_which_rows_promotes_nobody(world: World) -> None:
    world.folder.joinpath("judge.py").write_text(
        world.folder.joinpath("judge.py").read_text().replace('"candidate": {"md5"', '"somebody": {"md5"')
    )
    world.run("dvc", "repro", "--quiet")
    world.commit("a judge that does not say who")
    assert "does not say who was judged on which rows" in refusal(world)


def test_evidence_without_the_days_is_enough_for_one_look_and_for_no_second(world: World) -> None:
    world.folder.joinpath("judge.py").write_text(
        world.folder.joinpath("judge.py").read_text().replace('"blocks": days', '"hours": days')
    )
    world.run("dvc", "repro", "--quiet")
    world.commit("a judge that keeps no days")
    assert tried(world.folder).objections == ()
    note(world, another(world, 1))
    lacking = "reports/evidence/test.json is not what a stage writes: blocks is missing"
    assert f"2 candidates were judged on this test period: {lacking}" in refusal(world)
