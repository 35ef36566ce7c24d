"""A proof says in words what it found, and the README's line is what the record says."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from recommit import Refusal
from recommit.project.hashes import md5_of
from recommit.proof.earlier_proofs import earlier_seconds
from recommit.proof.record import as_record, badge, summary, table, update_badge, write_record
from recommit.proof.tolerance import Tolerance
from recommit.proof.variations import Variation
from recommit.proof.verdict import OutputVerdict, StageVerdict
from recommit.proof.verify import Proof

ROOT = Path(__file__).parents[3]
MACHINE = {"python": "3.11.7", "cpu": "Some CPU", "lock_sha256": "", "cpus": 2}
GOOD = StageVerdict("train@a", (OutputVerdict("models/a.onnx", "identical"), OutputVerdict("b.json", "identical")))


def proof(*stages: StageVerdict) -> Proof:
    return Proof(
        commit="0123456789abcdef",
        lock_md5="",
        whole=True,
        varied=(Variation("path", "x"),),
        tolerance=Tolerance(),
        rebuilt=False,
        watched="strace",
        notes=(),
        stages=stages,
        machine=MACHINE,
        seconds=1.0,
    )


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (
            StageVerdict("s", (OutputVerdict("o.csv", "different", "column a, row 3"),)),
            "o.csv: different: column a, row 3",
        ),
        (StageVerdict("s", (), undeclared=("read x.csv",)), "undeclared: read x.csv"),
        (StageVerdict("s", (), problems=("dvc.lock is older than n.ipynb",)), "dvc.lock is older than n.ipynb"),
        (
            StageVerdict("s", (OutputVerdict("o", "identical"),), status=1, said="KeyError: 'x'"),
            "it failed: KeyError: 'x'",
        ),
        (StageVerdict("s", (OutputVerdict("o", "different"),), cause="the time zone"), "what breaks it: the time zone"),
    ],
)
def test_what_is_wrong_is_in_the_table_and_the_proof_fails(stage: StageVerdict, expected: str) -> None:
    found = proof(GOOD, stage)
    assert expected in "\n".join(table(found))
    assert not found.proves(allow_equal=True)


def test_equal_is_enough_only_when_it_is_allowed() -> None:
    found = proof(GOOD, StageVerdict("s", (OutputVerdict("o.csv", "equal", "last digit"),)))
    assert found.proves(allow_equal=True)
    assert not found.proves(allow_equal=False)
    assert "3 outputs of 2 stages: 2 identical, 1 equal" in summary(as_record(found))


def test_a_badge_is_put_where_it_belongs(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("# Title\n<!-- proof -->\nold\n<!-- /proof -->\nrest\n")
    record = as_record(proof(GOOD))
    update_badge(page, record)
    assert page.read_text() == f"# Title\n<!-- proof -->\n{badge(record)}<!-- /proof -->\nrest\n"
    page.write_text("# Title\n")
    with pytest.raises(Refusal, match="no place"):
        update_badge(page, record)


def test_a_record_is_whole_or_not_there(tmp_path: Path) -> None:
    write_record({"commit": "größe"}, tmp_path / "new/record.json")
    assert json.loads((tmp_path / "new/record.json").read_text()) == {"commit": "größe"}
    (tmp_path / "taken").touch()
    with pytest.raises(OSError, match="taken"):
        write_record({}, tmp_path / "taken/record.json")


def stale(readme: str, record: dict, lock_md5: str) -> list[str]:
    """Returns what is wrong with the README's line."""
    found = []
    if badge(record) not in readme:
        found.append("the README's line is not the record's: make verify")
    if record["lock_md5"] != lock_md5:
        found.append("the record is of another dvc.lock: make verify")
    if not record["whole"] or any(stage["verdict"] != "identical" for stage in record["stages"]):
        found.append("the record does not prove every stage")
    return found


def test_the_readme_says_what_was_proved_of_this_very_dvc_lock() -> None:
    record = json.loads((ROOT / "docs/proof.json").read_text())
    readme, lock = (ROOT / "README.md").read_text(), md5_of(ROOT / "dvc.lock")
    assert stale(readme, record, lock) == []
    assert stale(readme.replace("identical", "equal"), record, lock)
    assert stale(readme, record, "another")
    assert stale(readme, record | {"whole": False}, lock)


def test_the_last_record_says_how_long_a_stage_takes(tmp_path: Path) -> None:
    first, last = proof(replace(GOOD, seconds=5.0)), proof(replace(GOOD, seconds=7.0))
    write_record(as_record(first), tmp_path / "docs/proof.json")
    assert earlier_seconds(tmp_path) == {"train@a": 5.0}
    write_record(as_record(last), tmp_path / ".recommit/proofs/0123.json")
    (tmp_path / ".recommit/proofs/odd.json").write_text('{"stages": [1')
    (tmp_path / ".recommit/proofs/list.json").write_text("[]")
    assert earlier_seconds(tmp_path) == {"train@a": 7.0}
