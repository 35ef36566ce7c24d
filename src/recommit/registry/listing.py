"""Shows the registry as text or JSON: one row per version, the events of each stage, the faults of tags."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recommit.proof.earlier_proofs import earlier_records
from recommit.registry.entry import Entry
from recommit.registry.history import Event, Registry

_SHOWN = ("auc", "log_loss", "explained", "absolute_error")
"""The metrics that the table shows, if a version has them; `--json` has all."""
_FACTS = {"accepted", "as_of", "decision", "evidence", "files", "measured", "metrics", "who", "when", "why"}
"""The fields of a version's record that the JSON repeats."""
_STEPS = 5
"""How many of the last events of a stage the text shows; `--json` has all."""


def as_data(root: Path, found: Registry) -> dict[str, Any]:
    """Returns the registry `found` as plain data: its name, versions, stages with their events, and problems."""
    proofs = _proofs(root)
    holders = {stage: found.holder(stage) for stage in found.stages}
    given: dict[str, list[Event]] = defaultdict(list)
    for event in (event for stage in found.stages for event in found.events(stage)):
        given[event.entry.version].append(event)
    return {
        "name": found.name,
        "versions": [_version(found, version, holders, given[version], proofs) for version in found.versions],
        "stages": {
            stage: {"version": holders[stage], "events": [_event(event) for event in found.events(stage)]}
            for stage in found.stages
        },
        "problems": [asdict(problem) for problem in found.problems],
    }


def _version(
    found: Registry,
    version: str,
    holders: Mapping[str, str | None],
    given: Sequence[Event],
    proofs: Mapping[str, str],
) -> dict[str, Any]:
    tag, entry = found.versions[version], found.entry(version)
    records: list[Entry | None] = [entry, *(event.entry for event in given)]
    forced = [record for record in records if record and record.forced]
    return {
        "version": version,
        "stages": [stage for stage, holder in holders.items() if holder == version],
        "commit": tag.commit,
        "has_signature": tag.has_signature,
        "forced": bool(forced),
        "reasons": list(dict.fromkeys(record.why for record in forced)),
        "overruled": list(dict.fromkeys(words for record in forced for words in record.overruled)),
        "looks": max((record.looks for record in records if record and record.looks), default=None),
        "proof": proofs.get(tag.commit) or proofs.get(entry.lock if entry else ""),
        **(entry.model_dump(mode="json", include=_FACTS) if entry else {}),
    }


def _event(event: Event) -> dict[str, Any]:
    told = {"version", "how", "who", "when", "why", "forced"}
    return {"tag": event.tag.ref, **event.entry.model_dump(mode="json", include=told)}


def _proofs(root: Path) -> dict[str, str]:
    """Returns the results of `recommit verify` in a few words, by commit and by the MD5 of the commit's dvc.lock."""
    found: dict[str, str] = {}
    for record in earlier_records(root):
        try:
            verdicts = {stage["verdict"] for stage in record["stages"]}
            words = "proved" if verdicts == {"identical"} else f"not proved: {', '.join(sorted(verdicts))}"
            words = words if record["whole"] else f"{words}, in part"
            found[record["commit"]] = words
            found.setdefault(record["lock_md5"], f"{words} at {record['commit'][:10]}")
        except (KeyError, TypeError):
            continue
    return found


def as_text(data: Mapping[str, Any]) -> Iterator[str]:
    """Yields the lines that show `data`, made by `as_data`, on a terminal."""
    name = data["name"]
    if not data["versions"]:
        yield f"{name}: no version yet: `recommit promote` makes one"
    else:
        shown = [metric for metric in _SHOWN if any(metric in row.get("metrics", {}) for row in data["versions"])]
        scores = (metric.replace("_", " ") for metric in shown)
        head = (name, "stage", "clock", *scores, "looks", "decision", "made", "proof")
        rows = [head, *(_row(version, shown) for version in reversed(data["versions"]))]
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        for row in rows:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for version in reversed(data["versions"]):
        if version["forced"]:
            yield f"{version['version']} was forced: {'; '.join(version['reasons'])}"
            yield from (f"  overruled: {words}" for words in version["overruled"])
        for one in version.get("accepted", ()):
            yield f"{version['version']} accepted, rule {one['rule']}, about {one['about']}: {one['why']}"
    for stage, history in data["stages"].items():
        earlier = "…, " if len(history["events"]) > _STEPS else ""
        yield f"{stage}: {earlier}" + ", ".join(map(_step, history["events"][-_STEPS:]))
    for problem in data["problems"]:
        yield f"problem: {problem['tag']} {problem['words']}"


def _row(version: Mapping[str, Any], shown: list[str]) -> tuple[str, ...]:
    metrics = version.get("metrics", {})
    decision = version.get("decision", "no record")
    return (
        version["version"],
        ", ".join(version["stages"]),
        version.get("as_of", ""),
        *(_interval(metrics.get(metric)) for metric in shown),
        str(version["looks"] or ""),
        f"{decision}, forced" if version["forced"] else decision,
        " ".join((version.get("when", "")[:10], version.get("who", "").partition(" <")[0])),
        version["proof"] or "",
    )


def _interval(interval: Mapping[str, Any] | None) -> str:
    if interval is None:
        return ""
    low, high = interval["low"], interval["high"]
    return f"{interval['value']:.3f}" + ("" if low is None or high is None else f" [{low:.3f}, {high:.3f}]")


def _step(event: Mapping[str, Any]) -> str:
    why = f" ({event['why']})" if event["why"] else ""
    return f"{'back to ' if event['how'] == 'rollback' else ''}{event['version']}{why}"
