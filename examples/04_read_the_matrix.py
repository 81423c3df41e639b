"""Run the whole experiment and read the test matrix as typed records."""

from tempfile import mkdtemp

from offpath.compute import compute
from offpath.pipeline import experiment
from offpath.recipes import recipe
from offpath.results import Matrix, read_result
from offpath.run.folder import create_run
from offpath.slices import ANY_TARGET, OFF_PATH, SEEN, UNSEEN

run = create_run(recipe("smoke"), mkdtemp())  # "laptop" takes minutes
for _ in experiment(run, compute("cpu", threads=1)):
    pass

matrix = read_result(run, Matrix)
for row in matrix.predictors:
    for where in (SEEN, UNSEEN, OFF_PATH[0]):
        if cell := matrix.cell(row.predictor, ANY_TARGET, where):
            print(f"{row.predictor:<18} {where.title:<16} accuracy {cell.accuracy:.1%}")
print("report:", run.report)
