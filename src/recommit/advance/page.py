"""Tells a turn in words: the page reports/advance/DATE.md, and the lines that the command prints."""

from collections.abc import Iterator, Sequence

from recommit.advance.record import Turn
from recommit.evidence.numbers import Interval
from recommit.evidence.scores import SCORES
from recommit.report.tables import shown

_BESIDE = ("champion", "baseline")


def page(turn: Turn) -> str:
    """Returns the page of `turn`, as Markdown: what changed, by which numbers, and what is next."""
    return "\n".join([*_page(turn), ""])


def verdict(turn: Turn) -> str:
    """Returns in one line what was decided of the candidate."""
    candidate, champion = _named(turn)
    if turn.outcome == "refused":
        return f"{candidate} is refused, {champion} stays the champion: {first_reason(turn)}"
    if turn.outcome == "accepted":
        return f"{candidate} may replace {champion}"
    return f"{candidate} is promoted as {turn.promoted_as}, in place of {turn.replaced or champion}"


def first_reason(turn: Turn) -> str:
    """Returns the first reason against the candidate, and how many more there are."""
    more = f" (and {len(turn.reasons) - 1} more)" if len(turn.reasons) > 1 else ""
    return f"{turn.reasons[0]}{more}" if turn.reasons else "no reason is recorded"


def lines(turn: Turn) -> Iterator[str]:
    """Yields what the command prints of `turn`."""
    yield f"{turn.clock}: {verdict(turn)}"
    loss = turn.tested.loss
    name, gain = SCORES[loss].name.lower(), turn.tested.better_by.get("champion", {}).get(loss)
    better = f"; better than the champion by {gain}" if gain else ""
    yield f"  {name} on {turn.tested.period.rows:,} test rows: {turn.tested.metrics['candidate'][loss]}{better}"
    if turn.passed:
        said = turn.passed.champion
        yield f"  {name} of what the champion had said of {said.rows:,} rows since {turn.starts}: {said.scores[loss]}"
    if turn.ahead is not None:
        yield f"  predicted now: {turn.ahead:,} rows" if turn.ahead else "  no rows are to come: nothing is predicted"


def _page(turn: Turn) -> Iterator[str]:
    yield f"# The clock moved from {turn.starts} to {turn.clock}"
    yield ""
    yield f"**{turn.outcome[:1].upper()}{turn.outcome[1:]}:** {verdict(turn)}."
    if turn.data:
        yield ""
        yield f"New data: {', '.join(f'`{name}`' for name in turn.data)}."
    if len(turn.reasons) > 1:
        yield from ("", "All reasons:", "", *(f"- {reason}" for reason in turn.reasons))
    if turn.accepted_points:
        yield from ("", "What the gate cannot tell, and a person accepts:", "")
        yield from (f"- {point}" for point in turn.accepted_points)
    yield from _tested(turn)
    yield from _passed(turn)
    yield from _next(turn)


def _tested(turn: Turn) -> Iterator[str]:
    tested, period = turn.tested, turn.tested.period
    span = f" of {period.starts:%Y-%m-%d} to {period.ends:%Y-%m-%d}" if period.starts and period.ends else ""
    looks = f" {turn.looks} candidates were judged on them so far." if (turn.looks or 1) > 1 else ""
    yield from ("", "## The candidate on the rows to test on", "")
    yield f"{period.rows:,} rows{span}, in {period.blocks} blocks; in brackets the interval at 95 %.{looks}"
    yield ""
    others = [name for name in _BESIDE if name in tested.metrics]
    yield from _table(
        ["", f"candidate {turn.candidate.fit}", *others, "better than the champion by"],
        [
            [SCORES[name].heading, *(tested.metrics[who].get(name) for who in ("candidate", *others)), gain]
            for name in tested.metrics["candidate"]
            for gain in [tested.better_by.get("champion", {}).get(name)]
        ],
    )


def _passed(turn: Turn) -> Iterator[str]:
    yield from ("", f"## What had been said of {turn.starts} to {turn.clock}", "")
    if turn.passed is None:
        yield "Nothing had been predicted of this period, or no outcome is known."
        return
    champion, candidate = turn.passed.champion, turn.passed.candidate
    yield f"{champion.rows:,} rows predicted before the period began, whose outcome is known now."
    yield ""
    heads = ["", "the champion's", *(["the candidate's"] if candidate else [])]
    rows: list[list[str | Interval | None]] = [
        [SCORES[name].heading, one, *([candidate.scores.get(name)] if candidate else [])]
        for name, one in champion.scores.items()
    ]
    yield from _table(heads, rows)
    if turn.passed.better_by:
        loss = SCORES[turn.tested.loss].name.lower()
        yield from ("", f"On the same rows the candidate's {loss} was better by {turn.passed.better_by}.")


def _next(turn: Turn) -> Iterator[str]:
    yield from ("", "## What is next", "")
    if turn.ahead is None:
        yield "The candidate is to be promoted, and to predict the rows to come."
    elif turn.ahead:
        yield f"The champion predicts {turn.ahead:,} rows to come: `data/predictions/upcoming.parquet`."
    else:
        yield "No rows are to come: nothing is predicted."
    if turn.outcome == "refused":
        yield "The refused candidate counts as a look at its test rows. `reports/index.html` shows what is against it."


def _table(heads: Sequence[str], rows: Sequence[Sequence[str | Interval | None]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(shown(cell) for cell in row)} |"


def _named(turn: Turn) -> tuple[str, str]:
    """Returns what candidate and champion are called; the clock tells two of one fit apart."""
    new, old = turn.candidate, turn.champion
    if new.fit != old.fit:
        return new.fit, old.fit
    named = [f"{one.fit} of {one.as_of or one.md5[:7]}" for one in (new, old)]
    return (named[0], named[1]) if named[0] != named[1] else (f"{new.fit} {new.md5[:7]}", f"{old.fit} {old.md5[:7]}")
