"""Begin a project on a table: look at it, ask what only its owner knows, write what follows."""

import filecmp
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from recommit import Refusal
from recommit.artifact.sets import check_classes
from recommit.rawtable.form import Form
from recommit.rawtable.read import read_text
from recommit.rawtable.values import present
from recommit.template.answers import Answers, name_of
from recommit.template.look import Look, Question, Said, look
from recommit.template.look_draft import draft_columns
from recommit.template.project import refuse_place, write_project
from recommit.template.render import render
from recommit.template.source import FOLDER, Source


def begin(
    path: Path, source: Source, said: Said, form: Form, remote: str, ask: Callable[[Question], str] | None = None
) -> Look:
    """Writes a project on the table of `source` at `path`, and returns how the table looked.

    `said` and `form` are what is known of it, all else is guessed.

    `ask` is called with each question that only the user can answer and that has no answer; it returns one. Without it,
    the guesses stay open questions. Raises Refusal, and leaves nothing at `path`, where no project can be made of it.
    """
    name = name_of(path)
    refuse_place(path)
    with source.at_hand() as table:
        texts = read_text(table, form)
        found = _interviewed(texts, said, form, ask) if ask else look(texts, said, form)
        classes = (
            sorted(set(present(texts[found.target]).drop_null().to_pylist())) if found.task.kind == "classes" else ()
        )
        answers = answers_of(found, name, source.name_in(name), remote, tuple(classes))
        columns = {f"src/{answers.package}/columns.py": draft_columns(found, answers.data).encode()}

        def bring(project: Path) -> None:
            source.bring(project, answers.data)
            if not filecmp.cmp(table, project / FOLDER / answers.data, shallow=False):
                raise Refusal(
                    f"{source.shown} gave another table the second time: see that nothing writes to it, "
                    "and that ORDER BY in a query names a key"
                )

        write_project(path, render(answers) | columns, bring)
    return found


def _interviewed(texts: pa.Table, said: Said, form: Form, ask: Callable[[Question], str]) -> Look:
    """Returns how the table looks once every question is answered; one whose answer cannot be is asked again."""
    found = look(texts, said, form)
    asked: set[tuple[str, str]] = set()
    while open_ones := [one for one in found.questions if (one.about, one.flag) not in asked]:
        question, why = open_ones[0], open_ones[0].why
        while why:
            try:
                more = answered(question, ask(replace(question, why=why)), said, form, texts.column_names)
                found, why = look(texts, *more), ""
            except Refusal as refusal:
                why = str(refusal)
        said, form = more
        asked.add((question.about, question.flag))
    return found


def answers_of(found: Look, name: str, data: str, remote: str, classes: tuple[str, ...] = ()) -> Answers:
    """Returns what a project depends on besides its table and columns; `classes` are the target's, if it has any.

    `data` is the table's file. Raises Refusal for classes whose names could be confused.
    """
    try:
        check_classes(classes)
    except ValueError as error:
        raise Refusal(f"the target {found.target}: {error}: change it in the file") from None
    split = found.split.split
    return Answers(
        name=name,
        data=data,
        key=found.key,
        task=found.task.kind,
        outcomes=found.task.outcomes or ("no", "yes"),
        classes=classes,
        time=found.time or "",
        known=found.form.known,
        group=found.group or "",
        horizon=found.form.known_after_hours,
        by=split["by"],  # type: ignore[arg-type]
        folds=int(str(split["folds"])),
        zone=str(split.get("zone", "UTC")),
        as_of=found.split.as_of or "",
        # DVC takes a path in its configuration from there, and the user's is from here.
        remote=remote if "://" in remote or not remote else str(Path(remote).absolute()),
    )


def answered(question: Question, answer: str, said: Said, form: Form, columns: Collection[str]) -> tuple[Said, Form]:
    """Returns what is said once `question` has this answer; `columns` are the table's. Raises Refusal for no answer."""
    flag = question.flag.split()[0].removeprefix("--")
    if flag == "known":
        return replace(said, known={**said.known, **_known(question.columns or (question.about,), answer)}), form
    if flag == "zone":
        return replace(said, zone=answer), form
    if flag == "repeated-hour":
        if answer not in ("first", "second"):
            raise Refusal(f"{question.about}: the answer {answer!r} is neither first nor second")
        return said, replace(form, repeated_hour=answer)  # type: ignore[arg-type]
    if flag == "to-come":
        if answer != "yes":
            raise Refusal(
                f"rows without {question.about} cannot be learned from: take them out of the file, or fill them"
            )
        return replace(said, to_come=True), form
    if flag == "horizon":
        return replace(said, horizon=_hours(answer)), form
    if flag == "time":
        if answer not in ("no", *columns):
            raise Refusal(f"the answer {answer!r} is neither no nor a column")
        return replace(said, time="" if answer == "no" else answer), form
    if flag == "group":
        return replace(said, group=question.about if answer == "yes" else said.group), form
    if flag == "key":
        numbered = answer == question.guess and answer not in columns  # no column has such a name: rows are numbered
        return (said if numbered else replace(said, key=answer)), form
    return (replace(said, task=answer) if flag == "task" else replace(said, positive=answer)), form


def _known(names: Sequence[str], answer: str) -> dict[str, bool]:
    """Returns of each of `names` whether it is known when asked; nothing for "later"."""
    if answer == "later":
        return {}
    several = [answer] if answer in names else [one.strip() for one in answer.split(",")]
    unknown = {"yes": [], "no": [*names]}.get(answer, several)
    if others := [one for one in unknown if one not in names]:
        raise Refusal(f"{others[0]!r} is none of these columns: say yes, no, later, or which of them are not known")
    return {name: name not in unknown for name in names}


def _hours(answer: str) -> float:
    try:
        return float(answer)
    except ValueError:
        raise Refusal(f"the horizon {answer!r} is no number of hours") from None
