"""Pages as people see them: what a real Chromium measures of a page, at several widths, in light and in dark."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = (1280, 1920, 400)
READ: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (400, "dark"))
"""Where axe-core reads a page: no rule of it is left out, and what it calls serious or critical is a fault."""
_SERIOUS = ("serious", "critical")
_WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
_CUT = """() => [...document.querySelectorAll("table, pre, svg, img")].filter(one => {
    const box = one.closest("[role=region][tabindex='0'][aria-label]");
    if (box && getComputedStyle(box).overflowX === "auto") return false;
    const [inner, outer] = [one, one.parentElement].map(element => element.getBoundingClientRect());
    return inner.width > 0 && inner.right > outer.right + 1;
}).map(one => one.outerHTML.slice(0, 80))"""
_SCROLLING = """() => [...document.querySelectorAll(".wide")].filter(box => box.scrollWidth > box.clientWidth + 1)
    .map(box => `${box.getAttribute("aria-label")}: ${box.scrollWidth - box.clientWidth} px`)"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, which asks nothing of the network by itself; CI must have it, elsewhere it is skipped."""
    program = shutil.which("chromium")
    if program is None:
        reason = "chromium is not installed: install/system-packages installs it"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


def opened(browser: Browser, file: Path) -> tuple[Page, list[str]]:
    """Open the page in `file` at the first width; with what goes wrong: requests to a network, errors."""
    page = browser.new_page(viewport={"width": WIDTHS[0], "height": 800}, reduced_motion="reduce")
    wrong: list[str] = []
    page.on("request", lambda one: None if one.url.startswith(("file:", "data:")) else wrong.append(f"asks {one.url}"))
    page.on("console", lambda one: wrong.append(f"console: {one.text}") if one.type == "error" else None)
    page.on("pageerror", lambda one: wrong.append(f"error: {one}"))
    page.goto(file.as_uri())
    return page, wrong


def faults(browser: Browser, file: Path) -> list[str]:
    """What is wrong with the page in `file`, with all that is folded open: one line per fault, its kind first."""
    page, wrong = opened(browser, file)
    page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true })")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        wider = page.evaluate(_WIDER)
        wrong += [f"overflow at {width}: {wider} px"] * (wider > 0)
        wrong += [f"cut at {width}: {one}" for one in page.evaluate(_CUT)]
    for width, mode in READ:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=mode)
        for found in Axe().run(page).response["violations"]:
            if found["impact"] in _SERIOUS:
                where = ", ".join(str(node["target"]) for node in found["nodes"][:3])
                wrong.append(f"axe at {width}, {mode}: {found['id']}, {len(found['nodes'])} times: {where}")
    page.close()
    return wrong


def scrolling(browser: Browser, file: Path) -> list[str]:
    """The tables of the page in `file` that scroll in their own boxes at the first width, and by how much."""
    page, _ = opened(browser, file)
    page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true })")
    found: list[str] = page.evaluate(_SCROLLING)
    page.close()
    return found
