import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from offpath.configs import Configuration
from offpath.recipes import smoke
from offpath.run.folder import Run, create_run
from tests.reporting import asking

warnings.filterwarnings("error")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Results on CPU are bit-identical for equal thread counts only.

    Set before the fixtures of any scope, whatever test came before.
    """
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny() -> Configuration:
    """The smoke recipe in still fewer steps."""
    c = smoke()
    pretrain = c.training("pretrain").model_copy(update={"steps": 20, "checkpoint_every_steps": 4})
    finetune = c.training("finetune").model_copy(update={"steps": 6, "checkpoint_every_steps": 2})
    evaluate = c.evaluate.model_copy(update={"examples": 512, "bootstrap_resamples": 40})
    return c.model_copy(update={"pretrain": pretrain, "finetune": finetune, "evaluate": evaluate})


@pytest.fixture
def run(tiny: Configuration, tmp_path: Path) -> Run:
    """A fresh run folder."""
    return create_run(tiny, tmp_path / "runs")


@pytest.fixture(scope="session")
def asked_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with reporters, every stage done, that has learned nothing; no test changes it."""
    from offpath.compute import Compute
    from offpath.pipeline import experiment

    torch.set_num_threads(1)
    made = create_run(asking(), tmp_path_factory.mktemp("asked") / "runs")
    for _ in experiment(made, Compute(torch.device("cpu"), 1)):
        pass
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, for the tests marked `browser`; closed behind each file of tests."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        options = {"executable_path": "/usr/bin/chromium", "args": ["--no-sandbox"]}
        chromium = playwright.chromium.launch(**options)
        yield chromium
        chromium.close()
