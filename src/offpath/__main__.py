"""`python -m offpath` is `offpath`: what torchrun and machines without scripts on the path call."""

from offpath.cli.main import main

main()
