"""Pre-train and fine-tune in a run folder, and watch the loss; a second call goes on with it."""

from pathlib import Path
from tempfile import mkdtemp

from offpath.compute import compute
from offpath.fit.stages import finetune
from offpath.fit.stages import pretrain
from offpath.recipes import recipe
from offpath.run.folder import create_run, working_on

run = create_run(recipe("smoke"), Path(mkdtemp()) / "runs")  # "laptop" learns the task
machine = compute("cpu", threads=1)

with working_on(run):
    for stage in (pretrain, finetune):
        for line in stage(run, machine):
            if line["step"] % 10 == 0:
                print(f"{line['stage']:<10} step {line['step']:>3}  loss {line['loss']:.3f}")

print("weights:", sorted(path.name for path in run.folder.glob("checkpoints/*")))
