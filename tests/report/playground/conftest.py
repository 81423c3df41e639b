"""A playground with small random networks, open in Chromium."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offpath.run.folder import Run
from tests.report import playgrounds


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return playgrounds.playground_run(tmp_path_factory.mktemp("playground"))


@pytest.fixture(scope="module")
def path(run: Run) -> Path:
    return playgrounds.written_page(run)


@pytest.fixture(scope="module")
def desk(browser: Any) -> Any:
    """A screen with a mouse."""
    return browser.new_context(viewport={"width": 1280, "height": 800})


@pytest.fixture
def page(desk: Any, path: Path) -> Iterator[Any]:
    with playgrounds.opened(desk, path) as page:
        yield page
