"""Run the whole experiment and read the test matrix as records."""

from tempfile import mkdtemp

from offpath.compute import compute
from offpath.pipeline import experiment
from offpath.recipes import recipe
from offpath.results import Matrix, read_result
from offpath.run.folder import create_run
from offpath.slices import SEEN, UNSEEN

run = create_run(recipe("smoke"), mkdtemp())  # "laptop" takes minutes
for _ in experiment(run, compute("cpu", threads=1)):
    pass

matrix = read_result(run, Matrix)
for name in ("pretrained", "finetuned"):
    for where in (SEEN, UNSEEN):
        if cell := matrix.cell(name, "test_e", where):
            print(f"{name:<11} {where.title:<16} accuracy {cell.accuracy:.1%}")
print("report:", run.report)
