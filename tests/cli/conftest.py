import shutil
from pathlib import Path

import pytest

from tests.cli.command import SMALL, offpath


@pytest.fixture
def there(tmp_path: Path, monkeypatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Path:
    """A run with every stage done."""
    runs = tmp_path_factory.mktemp("made") / "runs"
    assert offpath("run", *SMALL, "--runs-folder", str(runs)) == 0
    (folder,) = runs.iterdir()
    return folder


@pytest.fixture
def finished(made_once: Path, there: Path) -> Path:
    """The same, below the working folder, in a path with a space."""
    return Path(shutil.copytree(made_once, there / "my runs" / made_once.name).relative_to(there))
