"""The command line: finds the verb, runs it, and ends with the right status.

Whatever the user got wrong ends as one line on the error stream and exit status 2.
"""

import re
import sys
from collections.abc import Sequence
from typing import NoReturn

import offpath
from offpath.cli import circuits, inside, reports, runs, stages, sweeps, weights
from offpath.cli.parse import parse
from offpath.cli.streams import open_streams
from offpath.errors import InputError, choice_fault

GROUPS = (
    stages.VERBS, reports.VERBS, sweeps.VERBS, runs.VERBS, weights.VERBS, circuits.VERBS,
    inside.VERBS,
)  # fmt: skip
VERBS = {verb.__name__.split("_")[0]: verb for group in GROUPS for verb in group}
EXAMPLES = """\
examples
  offpath run                            the whole experiment, recipe laptop: minutes on 2 cores
  offpath run --seed 1 --model.layers 6  another seed, and a deeper transformer
  offpath run --recipe smoke             every stage in seconds, to see that things work
  offpath sweep laptop --seeds 10        ten seeds, as many at a time as there are cores
  offpath forecast --recipe paper        the cost of the size of WWZ24 on this machine
  offpath pretrain                       the stages one by one, then with the folder it names:
                                         finetune RUN, evaluate RUN, report RUN
  offpath circuit wide --vertices 8      the circuit of WWZ24 as a run; then evaluate RUN,
                                         robustness RUN, llc RUN, report RUN
  offpath run --config FILE --seed 2     the options in the config.json of a run, but for the seed

A run that was stopped resumes when the same command is given again. WWZ24 is the study by Wang,
Westover, Zhao (2024). `offpath VERB --help` has an example and every option of a verb, `offpath
--version` the version."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 2 unusable input, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    open_streams()
    status = 0
    try:
        if sys.flags.optimize > 1:
            raise InputError(
                "Python strips docstrings (-OO or PYTHONOPTIMIZE=2), where offpath has its help; "
                "unset that, or choose -O"
            )
        if words[:1] == ["help"] and words[1:]:
            words = [words[1], "--help"]
        if not words or words[0] in ("-h", "--help", "help"):
            print(overview())
        elif words[0] in ("-V", "--version"):
            print(f"offpath {offpath.__version__}")
        elif words[0] in VERBS:
            parse(words[0], VERBS[words[0]], words[1:])()
        else:
            raise InputError(f"{choice_fault('the verb', words[0], VERBS)}; see `offpath --help`")
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("offpath: interrupted; give the same command again to resume", file=sys.stderr)
        status = 130
    except (InputError, OSError, MemoryError, RuntimeError) as error:
        print(f"offpath: {_one_line(error)}", file=sys.stderr)
        status = 2
    if "offpath.compute" in sys.modules:  # so is torch, and processes that wait for this one
        from offpath.compute import end_joined

        end_joined(status)
    sys.exit(status)


def _one_line(error: Exception) -> str:
    """An error as one line with a remedy; one that is a fault of ours is raised again."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}; mend that, and give the same command again"
    what = " ".join(str(error).split())[:120]
    if isinstance(error, MemoryError) or "memory" in str(error):
        return (
            "there is not enough memory for this; choose fewer --micro-batch (training), or a "
            f"smaller model or count ({what})"
        )
    if type(error).__name__.startswith("Dist") or re.search("gloo|nccl", str(error).lower()):
        return (
            "another of the processes that train together ended, or cannot be reached; if it says "
            "nothing above, give the same command again, or let torchrun do so by --max-restarts "
            f"({what})"
        )
    if "cannot cache function" in str(error):
        return (
            "numba finds no folder that it may write its compiled functions to; name one in the "
            "environment variable NUMBA_CACHE_DIR, and give the same command again"
        )
    raise error


def overview() -> str:
    """What `offpath --help` prints."""
    verbs = [f"  {name:<12}{(verb.__doc__ or '').splitlines()[0]}" for name, verb in VERBS.items()]
    question = (offpath.__doc__ or "").splitlines()[0]
    return "\n".join([question, "", "usage: offpath VERB [OPTIONS]", "", *verbs, "", EXAMPLES])
