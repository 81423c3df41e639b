"""How the report and the playground look, coarsely: the brightness of each cell of a screenshot.

    python -m tests.report.looks        writes `looks.json` anew, after looking at the pages

A page that is empty, unstyled, or has lost a part differs by far more than another font does.
"""

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).with_name("looks.json")
CELLS = (32, 20)  # across and down
SCREENS = {"wide light": (1280, 800, "light"), "wide dark": (1280, 800, "dark"),
           "narrow light": (360, 800, "light")}  # fmt: skip
GRID = """async ([picture, across, down]) => {
  const image = new Image();
  image.src = `data:image/png;base64,${picture}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [across, down];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, across, down);
  const { data } = context.getImageData(0, 0, across, down);
  return Array.from({ length: across * down }, (_, i) =>
    Math.round((data[4 * i] + data[4 * i + 1] + data[4 * i + 2]) / 3));
}"""


def look(browser: Any, path: Path, screen: str) -> list[int]:
    """The brightness, 0 to 255, of each cell of the first screen, row by row."""
    width, height, theme = SCREENS[screen]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_timeout(800)  # until charts and answers are there
    picture = base64.b64encode(page.screenshot()).decode()
    grid = page.evaluate(GRID, [picture, *CELLS])
    context.close()
    return grid


def main() -> None:
    """Write how the pages look now."""
    from playwright.sync_api import sync_playwright

    from offpath.recipes import smoke
    from offpath.report.page import write_report
    from tests.report import playgrounds
    from tests.report.conftest import finished_run

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        options = {"executable_path": "/usr/bin/chromium", "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        report = write_report(finished_run(smoke(), Path(folder)))
        run = playgrounds.playground_run(Path(folder) / "playground")
        pages = {"report": report, "playground": playgrounds.written_page(run)}
        grids = {
            name: {screen: look(browser, page, screen) for screen in SCREENS}
            for name, page in pages.items()
        }
        GOLDEN.write_text(json.dumps(grids, separators=(",", ":")) + "\n")
        browser.close()


def check(browser: Any, path: Path, page: str, screen: str) -> None:
    """Fail where a page is empty, or differs grossly from how it looked."""
    golden = np.array(json.loads(GOLDEN.read_text())[page][screen])
    seen = np.array(look(browser, path, screen))
    assert seen.std() > 8  # not empty
    assert abs(seen - golden).mean() < 8, "look at the page; then `python -m tests.report.looks`"


if __name__ == "__main__":
    main()
