"""Begin a project on a table: look at it, ask what only its owner knows, write what follows."""

import re
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

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


def begin(
    path: Path, table: Path, said: Said, form: Form, remote: str, ask: Callable[[Question], str] | None = None
) -> Look:
    """Writes a project on `table` at `path`, and returns how the table looked.

    `said` and `form` are what is known of it, all else is guessed.

    `ask` is called with each question that only the user can answer and that has no answer; it returns one. Without it,
    the guesses stay open questions. Raises Refusal, and leaves nothing at `path`, where no project can be made of it.
    """
    name = name_of(path)
    refuse_place(path)
    texts = read_text(table, form)
    found = look(texts, said, form)
    asked: set[tuple[str, str]] = set()
    while ask and (open_ones := [one for one in found.questions if (one.about, one.flag) not in asked]):
        asked.add((open_ones[0].about, open_ones[0].flag))
        said, form = answered(open_ones[0], ask(open_ones[0]), said, form, texts.column_names)
        found = look(texts, said, form)
    classes = sorted(set(present(texts[found.target]).to_pylist())) if found.task.kind == "classes" else ()
    answers = answers_of(found, name, table, remote, tuple(classes))
    columns = {f"src/{answers.package}/columns.py": draft_columns(found, answers.data).encode()}
    write_project(path, render(answers) | columns, table, answers.data)
    return found


def answers_of(found: Look, name: str, table: Path, remote: str, classes: tuple[str, ...] = ()) -> Answers:
    """Returns what a project depends on besides its table and columns; `classes` are the target's, if it has any.

    Raises Refusal for classes whose names could be confused.
    """
    try:
        check_classes(classes)
    except ValueError as error:
        raise Refusal(f"the target {found.target}: {error}: change it in the file") from None
    split = found.split.split
    return Answers(
        name=name,
        data=_file_name(table, name),
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
        if answer not in ("yes", "no"):
            raise Refusal(f"{question.about}: the answer {answer!r} is neither yes nor no")
        return replace(said, known={**said.known, **dict.fromkeys(question.about.split(", "), answer == "yes")}), form
    if flag == "zone":
        return replace(said, zone=answer), form
    if flag == "horizon":
        return replace(said, horizon=_hours(answer)), form
    if flag == "time":
        return replace(said, time=question.about if answer == question.guess else ""), form
    if flag == "group":
        return replace(said, group=question.about if answer == "yes" else said.group), form
    if flag == "key":
        numbered = answer == question.guess and answer not in columns  # no column has such a name: rows are numbered
        return (said if numbered else replace(said, key=answer)), form
    return (replace(said, task=answer) if flag == "task" else replace(said, positive=answer)), form


def _hours(answer: str) -> float:
    try:
        return float(answer)
    except ValueError:
        raise Refusal(f"the horizon {answer!r} is no number of hours") from None


def _file_name(table: Path, name: str) -> str:
    """The name of the table in the project: its own where that is plain."""
    return table.name if re.fullmatch(r"[\w.-]+", table.name, re.ASCII) else name + "".join(table.suffixes[-2:]).lower()
