"""Outputs of notebooks are made readable: short hashes, text on the left, no index that only counts, own boxes."""

import pandas as pd
import pytest

from recommit.report.readable import in_cell, readable

HASH = "c4ca4238a0b923820dcc509a6f75849b"


@pytest.mark.parametrize("interval", ["[0.1, 0.2]", "[-∞, ∞]", "[283.1, 1,096.2]", "[86.1 %, 90.7 %]"])
def test_the_ends_of_an_interval_stay_on_one_line(interval: str) -> None:
    assert in_cell(f"0.15 {interval}") == f'0.15 <span class="ends">{interval}</span>'


def test_a_hash_is_short_and_whole_on_hover_and_when_copied() -> None:
    assert in_cell(f"of {HASH}") == f'of <code class="hash" title="{HASH}">{HASH[:8]}<span>{HASH[8:]}</span></code>'
    assert in_cell("20130801000000000") == "20130801000000000"


def test_what_a_cell_says_is_no_html() -> None:
    assert in_cell("<b>") == "&lt;b&gt;"


def test_a_table_scrolls_in_a_box_that_the_keyboard_reaches_and_its_heads_say_of_what_they_are() -> None:
    page = readable(pd.DataFrame({"loss": [0.5], "why": ["late"]}, index=["full"]).to_html())
    assert page.startswith('<div aria-label="Table 1" class="wide" role="region" tabindex="0"><table>')
    assert '<th scope="row">full</th>' in page
    assert '<th scope="col">loss</th>' in page
    assert '<th class="text" scope="col">why</th>' in page
    assert '<td class="text">late</td>' in page
    assert "<td>0.5</td>" in page


def test_an_index_that_only_counts_is_left_out_and_one_that_says_something_stays() -> None:
    table = pd.DataFrame({"loss": [0.5, 0.6]})
    assert ">1<" not in readable(table.to_html())
    assert ">41<" not in readable(table.set_axis([41, 42]).to_html())
    assert ">3<" in readable(table.set_axis([1, 3]).to_html())
    assert ">1<" in readable(table.rename_axis("periods").to_html())
