"""The verbs of weights from elsewhere and for elsewhere.

A verb imports its stage when it runs, so that `offpath --help` answers at once.
"""

from offpath.cli.arguments import ExportOptions, ImportOptions
from offpath.cli.parse import parse
from offpath.run.folder import open_run

LEARNED = 0.5  # accuracy: weights that are read as they were trained have more
SUSPECT = ": are --heads and --norm right? No tensor shows them; remove the folder to try others"


def import_weights(words: list[str]) -> None:
    """Take weights from elsewhere as the pre-trained ones, in a run folder of their own.

    For example: offpath import weights.pth --heads 2
    """
    arguments = parse(import_weights, words, ImportOptions)
    from offpath.fit.exchange.interop import import_weights as take
    from offpath.fit.transformer import parameter_count
    from offpath.recipes import recipe

    base = recipe(arguments.recipe).model_copy(update={"seed": arguments.seed})
    imported = take(
        arguments.weights,
        base,
        heads=arguments.heads,
        norm=arguments.norm,
        runs_folder=arguments.runs_folder,
    )
    run, a = imported.run, imported.model.architecture
    final = "with" if a.final_norm else "without"
    print(
        f"{parameter_count(imported.model):,} parameters: width {a.width}, layers {a.layers}, "
        f"heads {a.heads}, feed-forward {a.feed_forward}, norm {a.norm} {final} a final one; "
        f"graphs of 3 to {run.configuration.graphs.max_vertices} vertices"
    )
    print(
        f"accuracy on pre-training questions: {imported.right:.1%}"
        + (SUSPECT if imported.right < LEARNED else "")
    )
    if imported.cast_from:
        print(f"cast from {' and '.join(imported.cast_from)} to float32")
    if imported.known:
        print(f"{run.folder} holds these very weights already; nothing was changed")
    print(f"imported; next: `offpath finetune {run.quoted}`")


def export_weights(words: list[str]) -> None:
    """Write a checkpoint of a run for other tools: torch, safetensors, ONNX, or the hub.

    For example: offpath export runs/laptop-0123abcd-seed0 --checkpoint finetuned --out model.onnx
    """
    arguments = parse(export_weights, words, ExportOptions)
    from offpath.fit.exchange.interop import export_weights as write

    what = write(open_run(arguments.run), arguments.checkpoint, arguments.out)
    print(f"wrote {arguments.out}: {what}")
