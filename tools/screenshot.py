"""docs/report.png: the top of a report page, as a headless Chromium shows it.

python docs/screenshot.py results/micro/leaderboard.html docs/report.png
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZE = {"width": 1280, "height": 860}


def main(page: Path, image: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("no Chromium here: apt install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = browser.new_page(viewport=SIZE, color_scheme="light")
        shown.goto(page.resolve().as_uri())
        shown.screenshot(path=image)
        browser.close()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
