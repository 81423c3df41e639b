"""A verb in a process that ends with its parent: `python -m offpath.cli.worker VERB ...`.

Its input is a pipe that the parent holds open and never writes to. When the parent is gone, however
it ended, so is the pipe, and this process ends: its run folder is free for whoever resumes the run.
"""

import os
import sys
import threading

from offpath.cli.main import main


def end_with_parent() -> None:
    """Wait until nobody holds the other end of the input; then end this process."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.argv[0] = "offpath"  # as the provenance of the run names it
    main()
