"""Takes the pictures of the report that the documentation shows: run `python docs/pictures/take.py` after a report."""

import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
REPORT = HERE.parents[1] / "reports/index.html"
PICTURES = {"light": (1280, "light"), "dark": (1280, "dark"), "phone": (400, "light")}
"""Each picture's width and mode."""


def main() -> None:
    """Write light.png, dark.png and phone.png beside this file: the report's first screen, in 32 colors."""
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, (width, mode) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=mode)
            page.goto(REPORT.as_uri())
            file = HERE / f"{name}.png"
            page.screenshot(path=file)
            with Image.open(file) as picture:
                picture.convert("RGB").quantize(32).save(file, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
