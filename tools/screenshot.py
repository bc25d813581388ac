"""The top of a page in a headless Chromium: `python -m tools.screenshot PAGE IMAGE [FRAGMENT]`; `make screenshot` runs it."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from tools.system_programs import find_chromium

SIZE: ViewportSize = {"width": 1280, "height": 860}


def main(page: Path, image: Path, fragment: str = "") -> None:
    """`fragment`: the part of the address after #, such as the sample that a viewer shows."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("Chromium is not installed; to install it: python tools/system_programs.py")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = browser.new_page(viewport=SIZE, color_scheme="light")
        shown.goto(page.resolve().as_uri() + (f"#{fragment}" if fragment else ""))
        shown.wait_for_load_state("networkidle")
        shown.screenshot(path=image)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
