"""A page in a headless Chromium: `python -m tools.screenshot PAGE IMAGE [#FRAGMENT | HEADING]`; `make screenshot` runs it."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from tools.system_programs import find_chromium

SIZE: ViewportSize = {"width": 1280, "height": 860}


def main(page: Path, image: Path, part: str = "") -> None:
    """`part`: a part of the address, such as the sample that a viewer shows, or the text of a heading. Default: the top."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("Chromium is not installed; to install it: python tools/system_programs.py")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = browser.new_page(viewport=SIZE, color_scheme="light")
        shown.goto(page.resolve().as_uri() + (part if part.startswith("#") else ""))
        shown.wait_for_load_state("networkidle")
        if part and not part.startswith("#"):
            shown.get_by_role("heading", name=part, exact=True).evaluate("heading => heading.scrollIntoView()")
        shown.screenshot(path=image)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
