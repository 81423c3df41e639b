"""The runs of a sweep: every configuration with every seed, each a run folder of its own.

In: configurations, from a recipe or from a user's Python file. Out: runs, not yet made. A run is
the same one that `offpath run` would make, so that either can resume what the other started.
"""

import inspect
import runpy
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from offpath.configs import Configuration
from offpath.errors import InputError
from offpath.run.files import reason
from offpath.run.folder import Run

NAME = "configurations"
WANTED = (
    f"`{NAME}` must be a list of Configuration, or a function without arguments that returns one"
)


def sweep_runs(
    configurations: Sequence[Configuration],
    seeds: Sequence[int],
    runs_folder: Path,
    *,
    seed_by_seed: bool = True,
) -> list[Run]:
    """Every configuration with every seed, seed by seed or one configuration after the other.

    >>> from offpath.recipes import recipe
    >>> runs = sweep_runs([recipe("smoke")], range(2), Path("runs"))
    >>> [run.configuration.seed for run in runs]
    [0, 1]
    """
    seeded = [c.model_copy(update={"seed": seed}) for seed in seeds for c in configurations]
    name, times = Counter(c.run_name for c in seeded).most_common(1)[0]
    if times > 1:
        raise InputError(
            f"{times} of the {len(configurations)} configurations are the same run, {name}; each "
            "must differ from the others in an option or in `recipe`, by which runs are named"
        )
    runs = [Run(runs_folder / c.run_name, c) for c in seeded]
    of_each = len(configurations)
    return runs if seed_by_seed else [run for i in range(of_each) for run in runs[i::of_each]]


def read_configurations(path: Path) -> list[Configuration]:
    """The configurations that a Python file defines; an `InputError` of one line otherwise."""
    if not path.is_file():
        raise InputError(
            f"FILE.py must be a file of Python that defines `{NAME}`; there is no {path}"
        )
    try:
        names = runpy.run_path(str(path))
        if NAME not in names:
            raise InputError(f"there is no `{NAME}` in it; {WANTED}")
        made = names[NAME]
        if callable(made):
            inspect.signature(made).bind()
            made = made()
    except InputError as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from error
    except SystemExit as error:
        raise InputError(f"{path}: {_place(error, path)}it ends the program; mend it") from error
    except Exception as error:
        raise InputError(f"{path}: {_place(error, path)}{reason(error)}; mend the file") from error
    return _checked(path, made)


def _checked(path: Path, made: object) -> list[Configuration]:
    """Refuse what is no list of configurations, and seeds, which the sweep would replace."""
    if not isinstance(made, list) or not made:
        raise InputError(f"{path}: {WANTED}; got {_shown(made)}")
    for number, one in enumerate(made):
        if not isinstance(one, Configuration):
            raise InputError(f"{path}: {WANTED}; got {_shown(one)} at [{number}]")
        if one.seed:
            raise InputError(
                f"{path}: {NAME}[{number}] has seed {one.seed}; leave it out: --seeds and "
                "--first-seed set the seeds of a sweep"
            )
    return made


def _shown(thing: object) -> str:
    """A thing in one short line."""
    return " ".join(repr(thing).split())[:80]


def _place(error: BaseException, path: Path) -> str:
    """The last line of the file that an error came from."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f"line {lines[-1]}: " if lines else ""
