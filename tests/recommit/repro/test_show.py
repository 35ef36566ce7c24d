"""A person sees what has ended, what runs, and how long the rest will take."""

from io import StringIO

from rich.console import Console

from recommit.repro.show import Show, in_words


def shown(terminal: bool = False) -> tuple[Show, StringIO]:
    """What shows three stages, of which `a` took 60 seconds before and `b` 20."""
    text = StringIO()
    console = Console(file=text, soft_wrap=True, force_terminal=terminal, width=100)
    return Show(["a", "b", "c"], {"a": 60, "b": 20}, 2, console), text


def test_a_line_for_each_stage_that_ended_counts_those_that_did_not_change() -> None:
    show, text = shown()
    assert show.dvc("Stage 'a' didn't change, skipping") == "a"
    show.started("b")
    show.done("b", 0, 4.24)
    assert text.getvalue() == "[2/3] b 4.2 s\n"
    assert show.seconds["b"] == 4.2


def test_a_restored_stage_does_not_shorten_what_is_expected_of_the_next_run() -> None:
    show, text = shown()
    show.started("a")
    show.done("a", 0, 0.8, ["a: restored, its declared inputs gave these results before: 12"])
    assert "restored" in text.getvalue()
    assert show.seconds["a"] == 60


def test_what_fails_ahead_of_dvc_and_succeeds_when_dvc_comes_to_it_has_not_failed() -> None:
    show, _ = shown()
    for status in (1, 0):
        show.started("a")
        show.done("a", status, 1.0, ["recommit: raw.csv changed\n"])
    assert (show.failed, show.ran) == ([], ["a"])


def test_a_stage_that_runs_again_says_why() -> None:
    show, text = shown()
    show.again("b", ["raw.csv", "params.yaml"])
    assert text.getvalue() == "b runs again, because this changed meanwhile: raw.csv, params.yaml\n"


def test_a_stage_that_dvc_runs_by_itself_is_seen_in_what_dvc_prints() -> None:
    show, text = shown()
    assert show.dvc("Running stage 'c':") is None
    assert show.dvc("Updating lock file 'dvc.lock'") == "c"
    assert text.getvalue().startswith("[1/3] c ")
    assert show.dvc("WARNING: no remote\n") is None
    assert show.complaints(0) == "WARNING: no remote\n"


def test_a_stage_that_dvc_runs_by_itself_is_counted_where_it_gives_what_the_lock_records() -> None:
    """Then DVC says nothing of the lock file."""
    show, text = shown()
    assert show.dvc("Running stage 'b':\n") is None
    assert show.dvc("Running stage 'c':\n") == "b"  # what waits for it may run now
    assert show.ran == ["b"]
    show.passed()
    assert show.ran == ["b", "c"]
    assert len(text.getvalue().splitlines()) == 2


def test_all_that_dvc_says_of_a_stage_that_it_runs_by_itself_and_that_fails_is_shown() -> None:
    show, _ = shown()
    said = ["> python c.py\n", "Traceback:\n", "ValueError: no rows\n", "ERROR: failed to reproduce 'c'\n"]
    for line in ("Running stage 'b':\n", "of b\n", "Updating lock file 'dvc.lock'\n", "Running stage 'c':\n", *said):
        show.dvc(line)
    assert show.complaints(1) == "".join(said)


def test_why_dvc_could_not_start_is_shown_to_its_last_line() -> None:
    show, _ = shown()
    said = ["ERROR: 'dvc.yaml' validation failed.\n", "\n", "  extra keys not allowed, in artifacts\n"]
    for line in said:
        show.dvc(line)
    assert show.complaints(2) == "".join(said)


def test_of_a_stage_that_failed_ahead_of_dvc_what_it_said_is_not_shown_twice() -> None:
    show, text = shown()
    show.started("a")
    show.done("a", 1, 1.0, ["recommit: raw.csv is cut short\n"])
    for line in ("Running stage 'a':\n", "recommit: raw.csv is cut short\n", "ERROR: failed to reproduce 'a'\n"):
        show.dvc(line)
    assert show.complaints(1) == "ERROR: failed to reproduce 'a'\n"
    assert text.getvalue().count("cut short") == 1


def test_how_long_it_takes_is_said_before_it_begins_where_it_is_known() -> None:
    show, text = shown()
    show.begins("earlier runs here")
    assert text.getvalue() == "3 stages: about 60 s if all have to run, by earlier runs here\n"
    text = StringIO()
    new = Show(["a", "b", "c"], {}, 2, Console(file=text, soft_wrap=True, width=100))
    new.begins("")
    assert text.getvalue() == "3 stages: how long they take is known once they have run here\n"


def test_the_time_left_is_the_longest_stage_or_the_sum_shared_by_the_jobs() -> None:
    show, _ = shown()
    assert show.left() == 60
    show.unchanged("a")
    assert show.left() == 20
    assert (in_words(20), in_words(240)) == ("about 20 s", "about 4 min")


def test_a_terminal_shows_which_cell_runs() -> None:
    show, text = shown(terminal=True)
    with show.live:
        show.started("a")
        show.said("a", "a: cell 2 of 5: 0.31 s\n")
        show.live.refresh()
    assert "0 of 3 stages, about 60 s left" in text.getvalue()
    assert "a  cell 3 of 5  0 s" in text.getvalue()
