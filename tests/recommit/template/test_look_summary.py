"""What a person sees at the end: what was assumed, what is open, and the command that says it all."""

import shlex

from recommit.rawtable.form import PLAIN, Form
from recommit.template.look import Said, look
from recommit.template.look_summary import command, debts, summary
from tests.recommit.template.tables import customers, rentals, texts


def seen(columns, form=PLAIN, **said):
    return look(texts(columns), Said(**said), form)


def test_the_command_says_all_that_was_guessed():
    found = seen(rentals(), target="cnt")
    assert command(found, "bikes", "my rentals.csv", {"remote": "s3://x"}) == (
        "recommit new bikes --data 'my rentals.csv' --target cnt --task number --time at --horizon 1 --split month "
        "--as-of 2012-12-01 --remote s3://x"
    )


def test_the_command_names_how_the_file_is_written():
    form = Form(separator=";", encoding="cp1252", decimal=",", day_first=True)
    said = command(seen(customers(), form, target="left", known={"age": True, "plan": False}), "churn", "a.csv")
    assert "--separator ';' --encoding cp1252 --decimal , --day-first --known age --not-known plan" in said
    assert "--no-time --key customer_id" in said


def test_the_same_command_leaves_only_what_nobody_knows():
    found = seen(rentals(), target="cnt")
    words = shlex.split(command(found, "bikes", "a.csv"))
    flags = {
        flag.removeprefix("--").replace("-", "_"): value for flag, value in zip(words[3::2], words[4::2], strict=True)
    }
    flags |= {"by": flags.pop("split"), "horizon": float(flags["horizon"])}
    again = seen(rentals(), **{name: value for name, value in flags.items() if name != "data"})
    assert again.split.split == found.split.split
    assert {one.flag for one in again.questions} == {"--zone", "--key", "--known or --not-known"}


def test_the_summary_shows_columns_assumptions_and_questions():
    text = summary(seen(rentals(), target="cnt"), "bikes", "rentals.csv")
    assert text.startswith("rentals.csv: 8,760 rows, 6 columns\n")
    for part in (
        "  casual      whole    excluded  known when asked: no?",
        "Assumed:\n",
        "  LEFT OUT of the first fit, for it gives the target away: casual",
        "Open, 7 to answer before a promotion:\n",
        "The same, without a guess:\n  recommit new bikes ",
    ):
        assert part in text


def test_each_open_question_is_a_debt_of_one_line_with_its_flag():
    found = seen(rentals(), target="cnt")
    assert len(debts(found)) == len(found.questions)
    assert all("\n" not in line and "--" in line for line in debts(found))


def test_nothing_is_open_once_all_is_said():
    known = {"age": True, "spent": True, "plan": True}
    assert "Open" not in summary(seen(customers(), target="left", key="customer_id", known=known), "churn", "a.csv")
