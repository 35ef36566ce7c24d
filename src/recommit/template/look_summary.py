"""What a person sees at the end of `recommit new`: what was assumed, what is open, and the command that says it all."""

import shlex
from collections.abc import Iterator, Mapping

from recommit.rawtable.form import PLAIN
from recommit.template.look import Look


def summary(look: Look, name: str, data: str, more: Mapping[str, str] | None = None) -> str:
    """Returns what was found and assumed, each open question, and the equivalent full command, as text.

    `name` is the project's, `data` the file; `more` are other flags of the command, by their name.
    """
    parts = [
        f"{data}: {look.rows:,} rows, {len(look.lines)} columns",
        *_columns(look),
        "",
        "Assumed:",
        *(f"  {line}" for line in look.told),
        "",
        *_open(look),
        "The same, without a guess:",
        f"  {command(look, name, data, more)}",
    ]
    return "\n".join(parts)


def debts(look: Look) -> list[str]:
    """Returns each open question as one line: what is asked, what was taken, and the flag that answers it."""
    return [f"{one.about}: {one.asks} Taken: {one.guess} ({one.why}). {one.flag}" for one in look.questions]


def command(look: Look, name: str, data: str, more: Mapping[str, str] | None = None) -> str:
    """Returns the command that says what was guessed: with it nothing but what is known when asked is left open."""
    said = ["recommit", "new", name, "--data", data]
    for flag, value in [*_flags(look), *(more or {}).items()]:
        said += [f"--{flag}", value] if value else [f"--{flag}"]
    return shlex.join(said)


def _columns(look: Look) -> Iterator[str]:
    """One line per column: name, kind, role, missing, known when asked."""
    width = min(max(len(line.name) for line in look.lines), 32)
    for line in look.lines:
        gone = f"{line.missing:.0%} missing" if line.missing >= 0.005 else "some missing" if line.missing else ""
        open_one = line.role == "feature" or line.known_when_asked in ("no", "no?")
        known = f"known when asked: {line.known_when_asked}" if open_one and line.role != "target" else ""
        said = f"  {line.name:{width}}  {line.kind:8} {line.role:9} {known:27} {gone:13} {line.because}"
        yield said.rstrip()


def _open(look: Look) -> Iterator[str]:
    if look.questions:
        yield f"Open, {len(look.questions)} to answer before a promotion:"
        yield from (f"  {line}" for line in debts(look))
        yield ""


def _flags(look: Look) -> Iterator[tuple[str, str]]:
    """Every flag with its value; empty for one that has none."""
    form, said = look.form, look.said
    yield "target", look.target
    yield "task", look.task.kind
    if look.task.outcomes:
        yield "positive", look.task.outcomes[1]
    if look[look.target].missing:
        yield "to-come", ""
    if look.time:
        yield "time", look.time
        yield "horizon", f"{form.known_after_hours:g}"
    else:
        yield "no-time", ""
    if not form.numbered:
        yield "key", look.key
    if look.group:
        yield "group", look.group
    yield "split", str(look.split.split["by"])
    if look.split.as_of:
        yield "as-of", look.split.as_of
    for flag, value in (("separator", form.separator), ("encoding", form.encoding), ("decimal", form.decimal)):
        if value and value not in (getattr(PLAIN, flag), ","[: flag == "separator"]):
            yield flag, value
    if said.zone:
        yield "zone", form.zone
    if form.repeated_hour:
        yield "repeated-hour", form.repeated_hour
    if form.day_first is not None:
        yield ("day-first" if form.day_first else "month-first"), ""
    for flag, known in (("known", True), ("not-known", False)):
        for name in (name for name, one in said.known.items() if one is known):
            yield flag, name
