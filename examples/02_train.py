"""Pre-train and fine-tune in a run folder, and watch the loss; a second call resumes."""

from tempfile import mkdtemp

from offpath.compute import compute
from offpath.fit.stages import finetune, pretrain
from offpath.handcraft.circuits import set_circuit
from offpath.recipes import recipe
from offpath.run.folder import create_run, working_on

configuration = recipe("smoke").change({"pretrain.steps": 60, "seed": 1})  # "laptop" learns it
run = create_run(configuration, mkdtemp())
machine = compute("cpu", threads=1)

with working_on(run):  # alone; each stage alone would hold it too
    set_circuit(run)  # fine-tuning starts from the handcrafted network too
    for stage in (pretrain, finetune):
        for line in stage(run, machine):
            if line["step"] % 10 == 0:
                print(f"{line['network']:<18} step {line['step']:>3}  loss {line['loss']:.3f}")

print("weights:", sorted(path.name for path in run.folder.glob("checkpoints/*")))
