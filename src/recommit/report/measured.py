"""The tables of documents that come from evidence, by the names that outlines give them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from recommit.report import judged
from recommit.report.facts import Facts
from recommit.report.tables import Table, listed


def _from(name: str, *makers: Callable[[Any], Table | Sequence[Table]]) -> Callable[[Facts], list[Table]]:
    """Return a function that makes the tables of `makers` from the evidence `name`; none if it is missing."""

    def make(facts: Facts) -> list[Table]:
        if name not in facts.evidence:
            return []
        made = [maker(facts.evidence[name]) for maker in makers]
        return list(chain.from_iterable([one] if isinstance(one, Table) else one for one in made))

    return make


def _hashes(facts: Facts) -> list[Table]:
    """Return a table with the MD5 of each evidence file that the document was filled from."""
    found = [{"file": file, "md5": md5} for file, md5 in sorted(facts.hashes.items())]
    note = "md5 sums. DVC's lock file keeps the same sums for data, code and models of this commit."
    return [replace(listed("What this was filled from", found, note), folded=True)] if found else []


MEASURED: dict[str, Callable[[Facts], list[Table]]] = {
    "candidate": _from("test", judged.candidate),
    "hashes": _hashes,
    "decision": _from("decision", judged.rules, judged.points),
    "training rows": _from("test", judged.trained),
    "test period": _from("test", judged.period),
    "scores": _from("test", judged.scores, judged.differences),
    "calibration and coverage": _from("test", judged.calibration, judged.coverage),
    "slices": _from("slices", judged.slices),
    "worst slice": _from("slices", judged.worst),
}
