"""The verbs of weights from elsewhere and for elsewhere.

A verb imports its stage when it runs, so that `offpath --help` answers at once.
"""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from offpath import recipes
from offpath.cli.arguments import RUNS, RunFolder, RunsFolder
from offpath.run.folder import open_run

LEARNED = 0.5  # accuracy: weights that are read as they were trained have more
SUSPECT = ": are --heads and --norm right? No tensor shows them; remove the folder to try others"


def import_weights(
    weights: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="WEIGHTS")],
    heads: int | None = None,
    recipe: str = "paper",
    norm: Literal["pre", "post"] | None = None,
    seed: int = 0,
    runs_folder: RunsFolder = RUNS,
) -> None:
    """Take weights from elsewhere as the pre-trained ones, in a run folder of their own.

    For example: offpath import weights.pth --heads 2

    Args:
        weights: A state dict of torch.save, or a .safetensors; docs/weights.md shows its layout.
        heads: Attention heads of each layer, which no tensor shows; None: as in the file's notes.
        recipe: Recipe of everything but the sizes, which the weights have.
        norm: Layer norm before each part, or after it; None: as in the file's notes or the recipe.
        seed: Seed of the control's initial weights and of every training example.
    """
    from offpath.fit.exchange.interop import import_weights as take
    from offpath.fit.transformer import parameter_count

    base = recipes.recipe(recipe).model_copy(update={"seed": seed})
    taken = take(weights, base, heads=heads, norm=norm, runs_folder=runs_folder)
    run, a = taken.run, taken.model.architecture
    final = "with" if a.final_norm else "without"
    print(
        f"{parameter_count(taken.model):,} parameters: width {a.width}, layers {a.layers}, "
        f"heads {a.heads}, feed-forward {a.feed_forward}, norm {a.norm} {final} a final one; "
        f"graphs of 3 to {run.configuration.graphs.max_vertices} vertices"
    )
    doubt = SUSPECT if taken.right < LEARNED else ""
    print(f"accuracy on pre-training questions: {taken.right:.1%}{doubt}")
    if taken.cast_from:
        print(f"cast from {' and '.join(taken.cast_from)} to float32")
    if taken.known:
        print(f"{run.folder} holds these very weights already; nothing was changed")
    print(f"imported; next: `offpath finetune {run.quoted}`")


def export_weights(folder: RunFolder, out: Path, checkpoint: str = "finetuned") -> None:
    """Write a checkpoint of a run for other tools: torch, safetensors, ONNX, or the hub.

    For example: offpath export runs/laptop-0123abcd-seed0 --checkpoint finetuned --out model.onnx

    Args:
        out: A file .pth, .pt, .safetensors or .onnx, or without suffix a folder for the hub.
        checkpoint: Name of the checkpoint, such as pretrained or scratch.
    """
    from offpath.fit.exchange.interop import export_weights as write

    print(f"wrote {out}: {write(open_run(folder), checkpoint, out)}")


VERBS = (import_weights, export_weights)
