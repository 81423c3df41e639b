"""Pictures of the two pages for README and the documentation, as Chromium shows them.

    python docs/screenshots.py        needs the extra `browser` and Debian's chromium

In: the committed report and playground. Out: `report.png` and `playground.png` beside them.
"""

from pathlib import Path

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent
PAGES = {"report": "report-laptop-seed0.html", "playground": "playground-laptop-seed0.html"}
SIZE = {"width": 1280, "height": 800}


def main() -> None:
    """Write the first screen of each page."""
    with sync_playwright() as playwright:
        options = {"executable_path": "/usr/bin/chromium", "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        for name, file in PAGES.items():
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.goto((FOLDER / file).as_uri())
            page.wait_for_timeout(1000)  # until charts and answers are there
            page.screenshot(path=FOLDER / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
