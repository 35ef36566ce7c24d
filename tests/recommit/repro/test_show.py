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


def test_a_stage_that_dvc_runs_by_itself_is_seen_in_what_dvc_prints() -> None:
    show, text = shown()
    assert show.dvc("Running stage 'c':") is None
    assert show.dvc("Updating lock file 'dvc.lock'") == "c"
    assert text.getvalue().startswith("[1/3] c ")
    assert show.dvc("WARNING: no remote") is None
    assert show.complaints() == "WARNING: no remote"


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
