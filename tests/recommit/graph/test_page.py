"""The page of the pipeline in a browser: it fits, can be read by all, asks no network, and is used by keyboard."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from recommit.graph.boxes import boxes
from recommit.graph.drawing import svg
from recommit.graph.page import page
from recommit.graph.states import MEANING, Standing
from recommit.project.pipeline import stages
from tests.system.browser import chromium, faults, opened

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The page of this repository's pipeline, with stages of all states."""
    declared = stages(ROOT)
    named = zip(declared, cycle(MEANING), strict=False)
    states = {stage.name: Standing(state, ("src/a.py modified",), state) for stage, state in named}
    path = tmp_path / "pipeline.html"
    path.write_text(page(ROOT, boxes(declared), states, tmp_path))
    return path


def test_the_page_fits_can_be_read_by_all_and_asks_nothing_of_a_network(file: Path, browser: Browser) -> None:
    assert faults(browser, file) == []


def test_a_stage_is_reached_by_keyboard_and_shows_what_it_reads_and_makes(file: Path, browser: Browser) -> None:
    shown, _ = opened(browser, file)
    assert not shown.locator("#gate").is_visible()
    shown.locator('.pipeline a[href="#gate"]').focus()
    shown.keyboard.press("Enter")
    section = shown.locator("#gate")
    assert section.is_visible()
    assert "models/decision.json" in section.inner_text()
    assert shown.locator('.pipeline a[href="#gate"]').bounding_box()["y"] > 0  # type: ignore[index]  # still in sight
    shown.locator('.pipeline a[href="#select"]').click()
    assert not section.is_visible()
    assert shown.locator("#select").is_visible()


def test_the_reports_picture_has_no_text_outside_its_boxes(tmp_path: Path, browser: Browser) -> None:
    """The width of a letter is a guess that holds for this machine's monospaced fonts."""
    (tmp_path / "page.html").write_text(f"<!doctype html><title>A</title>{svg(stages(ROOT))}")
    shown, _ = opened(browser, tmp_path / "page.html")
    outside = shown.evaluate(
        """() => [...document.querySelectorAll(".pipeline g")].filter(one => {
            const [box, text] = ["rect", "text"].map(name => one.querySelector(name).getBoundingClientRect());
            return text.left < box.left || text.right > box.right;
        }).map(one => one.textContent)"""
    )
    assert outside == []
