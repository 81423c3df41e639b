"""In the place of the worker of a sweep, to see what the sweep does when one fails or is killed.

What it does is in the seed of its run: 1 ends well, 2 refuses, 3 is killed twice and then ends
well, 4 is always killed, 5 has a fault of ours, 6 works for a minute.
"""

import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    """Do what the seed of the run says."""
    folder = Path(sys.argv[sys.argv.index("--config") + 1])
    starts = folder / "starts"
    starts.write_text((starts.read_text() if starts.exists() else "") + "x")
    kind = int(folder.name[-1])
    if kind == 2:
        sys.exit("offpath: the loss is nan; lower pretrain.learning_rate")
    if kind == 5:
        raise RuntimeError("no such luck")
    if kind == 4 or (kind == 3 and len(starts.read_text()) < 3):
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == 6:
        time.sleep(60)


if __name__ == "__main__":
    main()
