"""Run the whole experiment and read the test matrix as records."""

from pathlib import Path
from tempfile import mkdtemp

from offpath.compute import compute
from offpath.pipeline import experiment
from offpath.recipes import recipe
from offpath.run.folder import create_run, read_result, working_on

run = create_run(recipe("smoke"), Path(mkdtemp()) / "runs")  # "laptop" takes minutes
with working_on(run):
    for _ in experiment(run, compute("cpu", threads=1)):
        pass

cells = read_result(run, "matrix")["cells"]
on_path = [c for c in cells if c["world"] == "test_e" and c["by"] == "name"]
for cell in on_path:
    if cell["predictor"] in ("pretrained", "finetuned") and cell["slice"].startswith("on_path"):
        print(f"{cell['predictor']:<11} {cell['slice']:<16} {cell['accuracy']:.1%} right")
print("report:", run.report)
