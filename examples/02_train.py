"""Pre-train and fine-tune in a run folder, and watch the loss; a second call resumes."""

from pathlib import Path
from tempfile import mkdtemp

from offpath.compute import compute
from offpath.fit.stages import finetune, pretrain
from offpath.handcraft.circuits import set_circuit
from offpath.recipes import recipe
from offpath.run.folder import create_run, working_on

c = recipe("smoke")  # "laptop" learns the task
c = c.model_copy(update={"graphs": c.graphs.model_copy(update={"finetune_vertices": 3})})
run = create_run(c, Path(mkdtemp()) / "runs")  # every change of an option is checked
machine = compute("cpu", threads=1)

with working_on(run):
    set_circuit(run)  # fine-tuning starts from the handcrafted network too
    for stage in (pretrain, finetune):
        for line in stage(run, machine):
            if line["step"] % 10 == 0:
                print(f"{line['network']:<18} step {line['step']:>3}  loss {line['loss']:.3f}")

print("weights:", sorted(path.name for path in run.folder.glob("checkpoints/*")))
