"""A process that starts runs and has them killed at chosen moments.

It loads torch once and forks for each run, so that one takes no longer than its own work. Commands
come in on its input, a line of JSON each, and so does how they ended on its output.
"""

import builtins
import importlib
import io
import json
import os
import signal
import sys
import time
from pathlib import Path

MOMENTS = ("before", "half", "flushed", "renamed")
"""Of writing a file: nothing was done, half is written beside it, all is, it took its place."""
LINES = ("line before", "line half", "line whole")
"""Of adding a line to the metrics."""


def serve() -> None:
    """Answer {"words", "place", "moment", "number", "seconds"} with the status and the time."""
    _warm_up()
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        began = time.perf_counter()
        child = os.fork()
        if child == 0:
            _work(asked)
        if asked["seconds"] is not None:
            time.sleep(asked["seconds"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        answer = {"status": os.waitstatus_to_exitcode(status), "took": time.perf_counter() - began}
        print(json.dumps(answer), flush=True)


def _warm_up() -> None:
    """Load what a run loads, once for all of them; no gradient, whose threads do not fork."""
    import torch

    for module in ("pipeline", "cli.progress", "report.terminal"):
        importlib.import_module(f"offpath.{module}")
    from offpath.data.batches import draw
    from offpath.data.worlds import worlds
    from offpath.fit.checkpoints import new_model
    from offpath.fit.optimizer import make_optimizer
    from offpath.fit.transformer import predict
    from offpath.recipes import smoke

    torch.set_num_threads(1)
    model = new_model(smoke())
    for world in worlds(smoke().graphs).values():
        predict(model, draw(world, 0, 0, 2).tokens)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    make_optimizer(model, smoke().training("pretrain")).step()


def _work(asked: dict) -> None:
    from offpath.cli.main import main
    from offpath.report import page

    page._vega = lambda: ""  # a second for the same script each time
    os.chdir(asked["place"])
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    if asked["moment"] is not None:
        die_at(asked["moment"], asked["number"])
    try:
        main(asked["words"])
    except SystemExit as stop:
        os._exit(int(stop.code or 0))
    os._exit(1)


def die_at(moment: str, number: int) -> None:
    """Have this process killed at the moment of its `number`-th write of that kind."""
    from offpath.run import files, metrics

    left = iter(range(number - 1, -1, -1))

    def passing(name: str) -> None:
        if name == moment and next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    class Half(io.FileIO):
        def __init__(self, path: object, mode: str, names: tuple[str, str, str]):
            self.names = names
            passing(names[0])
            super().__init__(str(path), mode)

        def write(self, content) -> int:
            whole = bytes(content)
            size = super().write(whole[: len(whole) // 2])
            passing(self.names[1])
            size += super().write(whole[size:])
            passing(self.names[2])
            return size

    def opened(path: object, mode: str, *rest):
        if "w" in mode and str(path).endswith(".partial"):
            return Half(path, mode, ("before", "half", ""))
        if "a" in mode:
            return Half(path, mode, LINES)
        return builtins.open(path, mode, *rest)  # type: ignore[arg-type]

    replace = Path.replace

    def replaced(self: Path, target: object) -> Path:
        passing("flushed")
        there = replace(self, target)  # type: ignore[arg-type]
        passing("renamed")
        return there

    for module in (files, metrics):
        module.open = opened  # type: ignore[attr-defined]
    Path.replace = replaced  # type: ignore[method-assign]


if __name__ == "__main__":
    serve()
