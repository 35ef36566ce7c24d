"""The look at a user's table: what each column seems to be, what is predicted, how to split, each with the reason."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recommit import Refusal
from recommit.artifact.names import refuse_kept
from recommit.columns import Kind
from recommit.rawtable.form import PLAIN, UNNAMED, Form
from recommit.rawtable.read import SEPARATORS
from recommit.rawtable.values import MISSING
from recommit.template import look_split, look_target
from recommit.template.look_columns import MOST_VALUES, Guess, as_instant, guess
from recommit.template.look_split import SplitGuess
from recommit.template.look_target import TaskGuess

Role = Literal["key", "time", "group", "target", "feature", "excluded"]
KnownWhenAsked = Literal["yes", "no", "no?", "unasked"]
_ALIKE_ROWS = 10_000
"""Rows that are looked at for a group: the first ones, since rows of one value often stand together."""
_SMALL, _RARE = 100, 50


@dataclass(frozen=True)
class Said:
    """What a user said of a table; what is None or empty is guessed.

    `known` maps columns to whether they are known when the prediction is asked for. `time` is "" where rows have none
    although a column looks like it. The target is known `horizon` hours after the prediction is asked for. `by` and
    `as_of` are those of params.yaml, `zone` that of instants without one. `to_come`: the outcome of rows without a
    target has not come yet.
    """

    target: str
    time: str | None = None
    key: str | None = None
    group: str | None = None
    task: str | None = None
    positive: str | None = None
    horizon: float | None = None
    known: Mapping[str, bool] = field(default_factory=dict)
    by: str | None = None
    as_of: str | None = None
    zone: str | None = None
    to_come: bool = False


@dataclass(frozen=True)
class Line:
    """A column: what it seems to hold and is used for, each with the reason.

    `values` are the texts that are told apart, all of them or the commonest; `within` the lowest and highest number;
    `missing` is a share. `known_when_asked` is "no?" where the column tells the target: nobody said that it is unknown.
    """

    name: str
    kind: Kind
    because: str
    role: Role
    why: str
    known_when_asked: KnownWhenAsked
    distinct: int
    missing: float
    values: tuple[str, ...] = ()
    within: tuple[float, float] | None = None
    unit: str = ""


@dataclass(frozen=True)
class Question:
    """What was guessed and only the user can know: a debt until it is answered, by the `flag`."""

    about: str
    asks: str
    guess: str
    why: str
    flag: str
    columns: tuple[str, ...] = ()
    """The columns that it is about, where they are several: a name may hold a comma."""


@dataclass(frozen=True)
class Look:
    """What a table seems to be. `form` is how the file is written, with the columns that are added to it.

    `told` are what must be said aloud; `questions` are open. `said` is what the user said.
    """

    rows: int
    lines: tuple[Line, ...]
    said: Said
    form: Form
    task: TaskGuess
    split: SplitGuess
    key: str
    time: str | None
    group: str | None
    told: tuple[str, ...]
    questions: tuple[Question, ...]

    def __getitem__(self, name: str) -> Line:
        return next(line for line in self.lines if line.name == name)

    @property
    def target(self) -> str:
        """The column that is predicted."""
        return self.said.target

    @property
    def features(self) -> tuple[Line, ...]:
        """The columns that the first fit is given."""
        return tuple(line for line in self.lines if line.role == "feature")

    def table(self) -> pd.DataFrame:
        """One row per column, for reading."""
        return pd.DataFrame([vars(line) | {"values": len(line.values)} for line in self.lines])


def look(texts: pa.Table, said: Said, form: Form = PLAIN) -> Look:
    """Returns what a table of texts, as `read_text` gives it, seems to be.

    Raises `Refusal`, one line, where no project can be made of it: no such column, one outcome only, a key that
    repeats, an instant that does not parse or is ambiguous, a decimal comma that nobody named.
    """
    _refuse_columns(texts.column_names, said)
    form = replace(form, zone=said.zone or form.zone)
    _refuse_zone(form.zone)
    guesses = {name: guess(name, texts[name], form) for name in texts.column_names}
    ended = guesses[said.target].values.notna().to_numpy()
    task = look_target.task_of(guesses[said.target].of(ended), said.task, said.positive)
    time, group = _time(guesses, said), said.group
    if time is not None and (guesses[time].kind != "instant" or guesses[time].missing):
        guesses[time] = as_instant(time, texts[time], form)
    if time is not None and guesses[time].values.nunique() < 2:
        raise Refusal(f"the time {time} is the same in every row: add --no-time, or name another column")
    form = _as_read(form, guesses.values())
    if group is not None:
        guesses[group] = _whole_group(guesses[group])
    key = _key(guesses, said, time, group)
    learned = {name: one.of(ended) for name, one in guesses.items()}
    truth = look_target.truth_of(learned[said.target], task)
    roles = _roles(guesses, said, {"key": key, "time": time, "group": group})
    told_by = _give_aways(learned, roles, truth, task, said)
    lines = tuple(_line(guesses[name], *roles[name], told_by.get(name, ""), said) for name in texts.column_names)
    split = _split(learned, truth, task, time, group, form, said)
    form = _added(form, texts.column_names, task, key, time, said)
    if time is not None and said.horizon is None:
        form = replace(form, known_after_hours=_hours_apart(guesses[time].values))
    found = Look(texts.num_rows, lines, said, form, task, split, key or form.numbered, time, group, (), ())
    told = (*_told(found, texts), *_unsplit(found, learned, truth))
    return replace(found, told=told, questions=tuple(_questions(found, guesses)))


def _refuse_columns(names: Sequence[str], said: Said) -> None:
    named = {"target": said.target, "time": said.time, "key": said.key, "group": said.group}
    for flag, name in [*named.items(), *(("known", name) for name in said.known)]:
        if name and name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            meant = (
                f"did you mean {near[0]}?" if near else f"it has {', '.join(names[:12])}{', ...' * (len(names) > 12)}"
            )
            raise Refusal(f"--{flag} {name}: the table has no such column; {meant}")
    given = [name for name in named.values() if name]
    for name in given:
        if given.count(name) > 1:
            flags = " and ".join(f"--{flag}" for flag, one in named.items() if one == name)
            raise Refusal(f"{flags} both name {name}: a column has one role")
    try:
        refuse_kept(name for name in names if name not in given)
    except ValueError as error:
        raise Refusal(f"{error}") from None
    if len(names) < 2:
        raise Refusal(f"the table has one column, {names[0]}: there is nothing to predict it from")


def _refuse_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        raise Refusal(f"--zone {zone}: there is no such time zone; one is Europe/Berlin, another UTC") from None


def _time(guesses: Mapping[str, Guess], said: Said) -> str | None:
    """The column of the rows' instants: the one named, or the first that holds instants in every row."""
    if said.time is not None:
        return said.time or None
    dates = [one for one in guesses.values() if one.name not in (said.target, said.key, said.group)]
    if unclear := next((one for one in dates if one.ambiguous), None):
        raise Refusal(
            f"the column {unclear.name} has dates like {unclear.ambiguous!r}, and nothing says whether the day comes "
            "first: add --day-first or --month-first, or --no-time if rows have no time"
        )
    return next((one.name for one in dates if one.kind == "instant" and not one.missing), None)


def _whole_group(group: Guess) -> Guess:
    if group.missing:
        row = int(np.flatnonzero(group.values.isna())[0]) + 1
        raise Refusal(f"--group {group.name}: it is missing in row {row}: every row must be in a group")
    if group.distinct < 10:
        raise Refusal(f"--group {group.name}: it has {group.distinct} values; a split by groups needs ten or more")
    return group


def _key(guesses: Mapping[str, Guess], said: Said, time: str | None, group: str | None) -> str | None:
    """The column that names a row: the one named, or the first of which every row has its own value."""
    if said.key is not None:
        _refuse_repeated(guesses[said.key])
        return said.key
    taken = (said.target, time, group)
    can = [
        one
        for one in guesses.values()
        if one.unique and one.keylike and one.kind in ("whole", "text") and one.name not in (*taken, *said.known)
    ]
    return can[0].name if can else None


def _refuse_repeated(key: Guess) -> None:
    rows = np.flatnonzero(key.values.isna())
    if len(rows):
        raise Refusal(f"the key {key.name} is missing in row {rows[0] + 1}: it must name every row")
    again = key.values.duplicated()
    if again.any():
        second = int(np.flatnonzero(again)[0])
        value = key.values.iloc[second]
        first = int(np.flatnonzero(key.values == value)[0])
        said = f"{value:.15g}" if isinstance(value, float) else repr(value)
        raise Refusal(
            f"the key {key.name} repeats: {said} is in rows {first + 1} and {second + 1} ({again.sum():,} such rows): "
            "name a column that names each row once, or leave out --key to number the rows"
        )
    if key.kind not in ("whole", "text"):
        raise Refusal(f"--key {key.name}: it holds {key.because}: a key is text or a whole number")


def _roles(guesses: Mapping[str, Guess], said: Said, named: Mapping[Role, str | None]) -> dict[str, tuple[Role, str]]:
    """The role of each column, with the reason."""
    roles: dict[str, tuple[Role, str]] = {said.target: ("target", "as you said")}
    for role, name in named.items():
        if name is not None:
            why = "as you said" if getattr(said, role) else "a guess: " + guesses[name].because
            roles[name] = (role, why)
    first: dict[int, list[str]] = {}
    for name, one in guesses.items():
        if name not in roles:
            roles[name] = _role(one, said)
        if roles[name][0] in ("excluded", "target"):
            continue
        for other in first.setdefault(_content(one.values), []):
            if one.values.equals(guesses[other].values) and roles[name][0] == "feature":
                roles[name] = ("excluded", f"the same as {other} in every row")
                break
        else:
            first[_content(one.values)].append(name)
    return roles


def _role(one: Guess, said: Said) -> tuple[Role, str]:
    if said.known.get(one.name) is False:
        return "excluded", "you said that it is not known when the prediction is asked for"
    if one.unfit:
        return "excluded", one.unfit
    if one.keylike and one.kind == "text":
        return "excluded", f"names or free text: {one.because}"
    if one.keylike and one.name not in said.known:
        return (
            "excluded",
            f"it names things and measures nothing: {one.because}; if it is a quantity, --known {one.name}",
        )
    return "feature", "as you said" if one.name in said.known else "a column of the table"


def _content(values: pd.Series) -> int:
    """A number that columns with the same values share."""
    return int(pd.util.hash_pandas_object(values, index=False).sum())


def _give_aways(
    guesses: Mapping[str, Guess],
    roles: Mapping[str, tuple[Role, str]],
    truth: np.ndarray,
    task: TaskGuess,
    said: Said,
) -> dict[str, str]:
    """The features that tell the target, and how: what is not known when asked may be a part of a sum with them."""
    asked = {
        name: guesses[name].values
        for name, (role, _) in roles.items()
        if role == "feature" or (role == "excluded" and said.known.get(name) is False and not guesses[name].unfit)
    }
    told = look_target.give_aways(asked, truth, task.kind, said.target)
    return {name: how for name, how in told.items() if name not in said.known}


def _line(one: Guess, role: Role, why: str, told_by: str, said: Said) -> Line:
    known: KnownWhenAsked = "yes" if role in ("key", "time", "group") else "no" if role == "target" else "unasked"
    if one.name in said.known and role != "target":
        known = "yes" if said.known[one.name] else "no"
    if told_by:
        role, why, known = "excluded", told_by, "no?"
    numeric = one.values.dtype == "float64" and one.distinct > 0
    values: tuple[str, ...] = ()
    if one.kind in ("text", "boolean") and not one.keylike and not one.unfit:
        values = tuple(sorted(one.values.value_counts().index[:MOST_VALUES]))
    within = (float(one.values.min()), float(one.values.max())) if numeric else None
    return Line(one.name, one.kind, one.because, role, why, known, one.distinct, one.missing, values, within)


def _split(
    guesses: Mapping[str, Guess],
    truth: np.ndarray,
    task: TaskGuess,
    time: str | None,
    group: str | None,
    form: Form,
    said: Said,
) -> SplitGuess:
    if time is None:
        return look_split.unordered(group, said.by, said.as_of)
    asked = guesses[time].values
    known = asked + pd.Timedelta(hours=_hours_apart(asked) if said.horizon is None else said.horizon)
    return look_split.by_time(asked, known, truth, task.kind == "binary", form.zone, said.by, said.as_of)


def _unsplit(found: Look, guesses: Mapping[str, Guess], truth: np.ndarray) -> Iterator[str]:
    """What must be changed before rows can be split. Raises `Refusal` where that is the time or the period."""
    rows = pd.DataFrame({"key": np.arange(1, len(truth) + 1), "target": truth})
    for part, name in (("key", found.key), ("group", found.group), ("time", found.time)):
        if name is not None and name in guesses:
            one = guesses[name]
            rows[part] = one.values.astype("int64") if one.kind == "whole" else one.values
    if found.time:
        rows["known"] = rows["time"] + pd.Timedelta(hours=found.form.known_after_hours)
    why = look_split.objection(rows, found.split)
    if why and found.time:
        flags = "--split, --as-of or --horizon, or --no-time"
        raise Refusal(f"rows cannot be split by {found.split.split['by']}: {why}: say otherwise by {flags}")
    if why:
        yield f"BEFORE `make repro`, change `split` in params.yaml: {why}"


def _as_read(form: Form, guesses: Collection[Guess]) -> Form:
    """The form, with what was taken of instants that can be read in two ways: later rows are then read as these."""
    orders = {one.day_first for one in guesses if one.day_first is not None}
    if len(orders) == 1:
        form = replace(form, day_first=orders.pop())
    return replace(form, repeated_hour="first") if any(one.twice for one in guesses) else form


def _added(form: Form, names: Collection[str], task: TaskGuess, key: str | None, time: str | None, said: Said) -> Form:
    """The form, with the columns that are added to those of the file."""
    if key is None:
        form = replace(form, numbered=_free("row", names))
    if time is not None:
        form = replace(form, known=_free("known_at", names), time=time, known_after_hours=said.horizon or 0.0)
    return replace(form, outcomes=task.outcomes)


def _hours_apart(instants: pd.Series) -> float:
    """The usual distance of one instant from the next, to three digits; a target is not known when it is asked for."""
    apart = pd.Series(instants.unique()).sort_values().diff().dt.total_seconds().median()
    return float(f"{max(apart, 1.0) / 3600:.3g}")


def _free(name: str, names: Collection[str]) -> str:
    return name if name not in names else _free(f"{name}_", names)


def _told(found: Look, texts: pa.Table) -> Iterator[str]:
    """What must be said aloud: what was assumed, and every column that the first fit is not given."""
    yield f"{found.target} is a {_KINDS[found.task.kind]}: {found.task.because}"
    yield f"the split: {found.split.because}"
    if missing := _without_target(found):
        yield f"{missing} have no {found.target}: they are taken as rows to come, predicted and not learned from"
    separator = (texts.schema.metadata or {}).get(b"separator", b",").decode()
    if separator != "," and not found.form.separator:
        yield f"columns are separated by a {SEPARATORS.get(separator, separator)}"
    if UNNAMED in texts.column_names:
        yield f"a column without a name is called {UNNAMED}: give it one in the file"
    if found.form.numbered:
        yield (
            f"no column names a row: the column {found.form.numbered} numbers them in the file's order, from 1: new "
            "rows must come at the end, and no row may go"
        )
    if found.time and found.group:
        yield f"the split is by time; rows of one {found.group} are before and after it"
    for line in found.lines:
        if line.known_when_asked == "no?":
            yield f"LEFT OUT of the first fit, for it gives the target away: {line.name}: {line.why}"
        elif line.role == "excluded":
            yield f"left out: {line.name}: {line.why}"
    if words := _words(texts):
        yield f"taken as missing: {words}"
    if found.rows < _SMALL:
        yield f"there are only {found.rows} rows: most of what is measured will be unknown"
    if not found.features:
        yield "no column is left as a feature: only the baseline can be fitted"


def _without_target(found: Look) -> str:
    """In how many rows the target is missing, in words; empty where it is in none."""
    rows = round(found[found.target].missing * found.rows)
    return f"{rows:,} of {found.rows:,} rows" if rows else ""


def _described(found: Look, guesses: Mapping[str, Guess]) -> tuple[str, list[str]] | None:
    """The column whose rows of one value are most alike, as pupils of one school, and the columns that are the same.

    None where there is no such column.
    """
    roles = (found.target, found.time, found.key)
    codes = {
        name: pd.factorize(one.values[:_ALIKE_ROWS])[0].astype("int64")
        for name, one in guesses.items()
        if name not in roles and one.kind in ("whole", "text")
    }
    distinct = {name: len(np.unique(own)) for name, own in codes.items()}
    most = "", list[str]()
    for name, own in codes.items():
        if distinct[name] < 10 or distinct[name] * 5 > len(own):
            continue
        coarser = [other for other in codes if 3 <= distinct[other] < distinct[name]]
        same = [other for other in coarser if len(np.unique(own * len(own) + codes[other])) == distinct[name]]
        most = max(most, (name, same), key=lambda one: len(one[1]))
    return most if len(most[1]) > 1 else None


_KINDS = {"binary": "yes-or-no question", "number": "number", "classes": "choice of classes"}


def _words(texts: pa.Table) -> str:
    """The words that stand for a missing value, with the columns and in how many rows they do."""
    found: dict[str, list[str]] = {}
    for name in texts.column_names:
        said = pc.utf8_trim_whitespace(texts[name])
        said = said.filter(pc.is_in(said, value_set=pa.array(MISSING[1:], said.type)))
        for one in pc.value_counts(said).to_pylist():
            found.setdefault(one["values"], []).append(f"{name} ({one['counts']:,} rows)")
    return "; ".join(f"{word!r} in {', '.join(columns)}" for word, columns in found.items())


def _questions(found: Look, guesses: Mapping[str, Guess]) -> Iterator[Question]:
    """What only the user can know, and has not said."""
    said, target = found.said, found.target
    if found.task.doubt:
        yield Question(target, "a number, or classes?", found.task.kind, found.task.doubt, "--task")
    if (missing := _without_target(found)) and not said.to_come:
        asks = f"{missing} have none: is it still to come?"
        yield Question(target, asks, "yes", "these rows are then predicted, and not learned from", "--to-come")
    if not found.task.sure and found.task.outcomes:
        no, yes = found.task.outcomes
        yield Question(target, f"is {yes!r} what is predicted, or {no!r}?", yes, "the rarer of the two", "--positive")
    if said.time is None and found.time:
        why = "rows with a date are never shuffled; no, if it is another date: --no-time"
        yield Question(found.time, "is a row's prediction asked for at this instant?", found.time, why, "--time")
    if found.time and said.horizon is None:
        asks = f"how many hours after {found.time} is {target} known?"
        yield Question(target, asks, f"{found.form.known_after_hours:g}", "rows are so far apart", "--horizon")
    if found.time and found.said.zone is None and not guesses[found.time].zoned:
        yield Question(found.time, "in which time zone?", "UTC", "its instants have no zone", "--zone")
    for one in guesses.values():
        if one.twice:
            asks = f"clocks of {found.form.zone} show an hour twice, as {one.twice}: the first or the second?"
            yield Question(one.name, asks, "first", "nothing in the rows says it", "--repeated-hour")
    if said.key is None:
        why = "each row has its own" if not found.form.numbered else "no column has a value of its own in each row"
        yield Question(found.key, "does it name a row, now and later?", found.key, why, "--key")
    if not found.group and (described := _described(found, guesses)):
        (name, by), rows = described, f"{guesses[described[0]].distinct:,} values in {found.rows:,} rows"
        why = f"{rows}, and {', '.join(by[:3])} {'say' if len(by) > 1 else 'says'} the same in all rows of one value"
        yield Question(name, "must rows of one value stay together?", "no", why, "--group")
    for name, one in guesses.items():
        if one.keylike and one.kind == "whole" and found[name].role == "excluded" and name not in said.known:
            if one.distinct < 0.5 * found.rows and not found.group and (described or [""])[0] != name:
                why = f"{one.distinct:,} values in {found.rows:,} rows, named like a key"
                yield Question(name, "must rows of one value stay together?", "no", why, "--group")
            else:
                yield Question(name, "is it a quantity, and known when asked?", "no", one.because, "--known")
    for line in found.lines:
        if line.known_when_asked == "no?":
            asks = "is it known when the prediction is asked for?"
            yield Question(line.name, asks, "no", line.why, "--known or --not-known")
    if unasked := [line.name for line in found.features if line.known_when_asked == "unasked"]:
        asks = "known when the prediction is asked for? yes, no, later, or the names of those that are not"
        why = "until then taken as known, and promotion refuses"
        yield Question(", ".join(unasked), asks, "later", why, "--known or --not-known", tuple(unasked))
