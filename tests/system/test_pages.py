"""People open the report in a browser: every page fits, can be read by all, and asks nothing of a network."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.system.browser import chromium, faults, opened, scrolling
from tests.system.conftest import Project

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def pages(project: Project) -> list[Path]:
    reports = project.folder / "reports"
    return [reports / "index.html", *sorted((reports / "html").glob("*.html"))]


def one_of_each_notebook(found: list[Path]) -> list[Path]:
    """The pages, but one alone of those that a notebook makes for each item of its stage's matrix."""
    return [*{re.sub(r"^(search|train)-.*", r"\1", page.stem): page for page in found}.values()]


@pytest.mark.parametrize("some", [one_of_each_notebook, pytest.param(list, marks=pytest.mark.all)])
def test_every_page_fits_can_be_read_by_all_and_asks_nothing_of_a_network(
    some: Callable[[list[Path]], list[Path]], reproduced: Project, browser: Browser
) -> None:
    found = {page.name: faults(browser, page) for page in some(pages(reproduced))}
    assert len(found) > 20
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_a_table_that_scrolls_in_its_box_is_found(tmp_path: Path, browser: Browser) -> None:
    page = tmp_path / "page.html"
    wide = '<table style="width: 3000px"><tr><td>a</td></tr></table>'
    page.write_text(f'<!doctype html><div class="wide" aria-label="Scores" style="overflow-x: auto">{wide}</div>')
    assert [one.split(":")[0] for one in scrolling(browser, page)] == ["Scores"]


def test_no_table_of_the_report_scrolls_on_a_usual_screen(reproduced: Project, browser: Browser) -> None:
    assert scrolling(browser, reproduced.folder / "reports/index.html") == []


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ('<p style="width: 3000px">wide</p>', "overflow at 1920"),
        ('<div style="width: 9rem; overflow: hidden"><table><tr><td>unbreakable_and_cut_</table></div>', "cut at 1280"),
        ('<p style="color: #bbb; background: #fff">pale</p>', "axe at 1280, light: color-contrast"),
        (
            "<style>@media (prefers-color-scheme: dark) { * { background: #111; color: #333 } }</style><p>dark</p>",
            "axe at 400, dark",
        ),
        ('<img src="data:image/png;base64,">', "axe at 1280, light: image-alt"),
        ('<img alt="a chart" src="https://charts.invalid/a.png">', "asks https://charts.invalid/a.png"),
        ("<script>console.error('lost')</script>", "console: lost"),
        ("<script>lost()</script>", "error: lost is not defined"),
    ],
)
def test_a_page_with_a_fault_is_found(planted: str, fault: str, tmp_path: Path, browser: Browser) -> None:
    page = tmp_path / "page.html"
    sound = "<!doctype html><html lang=en><meta name=color-scheme content='light dark'><title>A</title><main><h1>A</h1>"
    page.write_text(sound)
    assert faults(browser, page) == []
    page.write_text(sound + planted)
    assert any(one.startswith(fault) for one in faults(browser, page))


def test_the_first_screen_holds_the_decision_the_weak_points_and_what_is_next(
    reproduced: Project, browser: Browser
) -> None:
    page, _ = opened(browser, reproduced.folder / "reports/index.html")
    for part in ("h1", ".answer", "table.first", ".weak >> nth=0", ".command"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800, part


def test_a_link_of_the_contents_opens_its_section_and_stays_in_sight(reproduced: Project, browser: Browser) -> None:
    page, _ = opened(browser, reproduced.folder / "reports/index.html")
    table = page.locator("#decision table").first
    assert not table.is_visible()
    page.locator("nav.contents a", has_text="The gate").click()
    assert table.is_visible()
    assert page.locator("nav.contents a").first.is_visible()


def test_code_is_shown_by_keyboard_and_the_first_key_leads_to_the_content(
    reproduced: Project, browser: Browser
) -> None:
    page, _ = opened(browser, reproduced.folder / "reports/html/gate.html")
    code = page.locator(".input").first
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    assert not code.is_visible()
    page.keyboard.press("Space")
    assert code.is_visible()
