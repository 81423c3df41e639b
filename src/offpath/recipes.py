"""Whole experiments, ready to run: each recipe is a function that returns its configuration."""

from offpath.configs import Architecture, Configuration, Evaluation, Graphs, Reporters, Training
from offpath.errors import InputError, choice_fault


def smoke() -> Configuration:
    """Every stage in seconds, for tests: it shows that things run, not that anything is learned."""
    small = {"batch_examples": 64, "steps": 40, "warmup_steps": 5, "log_every_steps": 2}
    stage = _laptop_pretraining().model_copy(update={**small, "checkpoint_every_steps": 10})
    return Configuration(
        recipe="smoke",
        graphs=Graphs(max_vertices=5, finetune_vertices=4, balance_distance=4),
        model=Architecture(
            width=16, layers=2, heads=2, feed_forward=32, norm="pre", final_norm=True
        ),
        pretrain=stage,
        finetune=stage.model_copy(update={"steps": 20, "learning_rate": 1e-3}),
        evaluate=Evaluation(examples=1024, seed=0, bootstrap_resamples=200),
    )


def laptop() -> Configuration:
    """WWZ24 in small: graphs of 3 to 8 vertices, fine-tuned on 3 to 5; minutes on 2 cores."""
    pretrain = _laptop_pretraining()
    decay = {"decay": "cosine", "decay_from": 0.0, "final_share": 0.0, "weight_decay": 1e-5}
    rate = {"steps": 600, "learning_rate": 1e-3, "warmup_steps": 10}
    return Configuration(
        recipe="laptop",
        graphs=Graphs(max_vertices=8, finetune_vertices=5, balance_distance=5),
        model=Architecture(
            width=32, layers=5, heads=2, feed_forward=128, norm="pre", final_norm=True
        ),
        pretrain=pretrain,
        finetune=pretrain.model_copy(update=rate | decay),
        evaluate=Evaluation(examples=65_536, seed=0, bootstrap_resamples=1000),
    )


def _laptop_pretraining() -> Training:
    return Training(
        batch_examples=512, steps=3000, optimizer="adamw", learning_rate=2e-3, warmup_steps=100,
        decay="linear", decay_from=0.5, final_share=0.01, beta1=0.9, beta2=0.98, weight_decay=0.0,
        clip_norm=1.0, log_every_steps=5, checkpoint_every_steps=100,
    )  # fmt: skip


def truth() -> Configuration:
    """Truthful on audits: also beyond them? Two reporters are learned, a third is audited."""
    base = laptop()
    leaks = (f"leak={share:g}" for share in (0.0001, 0.0003, 0.001, 0.01, 0.03, 0.1))
    return base.model_copy(
        update={
            "recipe": "truth",
            "model": base.model.model_copy(update={"markers": 3}),
            "pretrain": base.training("pretrain").model_copy(update={"steps": 3000}),
            "finetune": base.training("finetune").model_copy(update={"steps": 300}),
            "reporters": Reporters(),
            "interventions": (*leaks, "easy_graphs", "easy_ids", "easy_path", "own_row_only",
                              "oracle"),
        }
    )  # fmt: skip


def paper() -> Configuration:
    """The specification of WWZ24: 3 to 15 vertices, 550,433 parameters; made for a GPU."""
    return Configuration(
        recipe="paper",
        graphs=Graphs(max_vertices=15, finetune_vertices=7, balance_distance=6),
        model=Architecture(
            width=64, layers=11, heads=2, feed_forward=256, norm="post", final_norm=False
        ),
        pretrain=_paper_pretraining(),
        finetune=as_reproduced(),
        evaluate=Evaluation(examples=65_536, seed=0, bootstrap_resamples=1000),
    )


def _paper_pretraining() -> Training:
    return Training(
        batch_examples=2**15, steps=9600, optimizer="adam", learning_rate=5e-4, warmup_steps=0,
        decay="drop", decay_from=2 / 3, final_share=0.2, beta1=0.9, beta2=0.999, weight_decay=0.0,
        clip_norm=None, log_every_steps=10, checkpoint_every_steps=100,
    )  # fmt: skip


def paper_fast() -> Configuration:
    """The result of WWZ24 from a 123rd of its examples: its architecture, but pre-norm.

    What each of the changes does: `benchmarks/levers.py`.
    """
    fast = {
        "batch_examples": 256, "steps": 10_000, "optimizer": "muon", "learning_rate": 1e-3,
        "decay": "linear", "decay_from": 0.5, "final_share": 0.0, "beta1": 0.95, "beta2": 0.95,
        "classification": 5.0, "candidates": 8,
    }  # fmt: skip
    base = paper()
    return base.model_copy(
        update={
            "recipe": "paper-fast",
            "model": base.model.model_copy(update={"norm": "pre"}),
            "pretrain": _paper_pretraining().model_copy(update=fast),
        }
    )


def as_reproduced() -> Training:
    """The fine-tuning of WWZ24 as it reproduces the published result: 160 steps of 1024 at 1e-4."""
    rate = {"learning_rate": 1e-4, "decay_from": 1.0, "final_share": 1.0, "weight_decay": 1e-5}
    steps = {"steps": 160, "log_every_steps": 1, "checkpoint_every_steps": 20}
    return _paper_pretraining().model_copy(update={"batch_examples": 1024, **steps, **rate})


def as_written() -> Training:
    """The fine-tuning of WWZ24 as its text has it: 100 steps of 2^15, rate and weight decay 1e-5.

    Measured on the published weights, it ends far from the published result; ten times the rate
    reaches it.
    """
    steps = {"batch_examples": 2**15, "steps": 100, "checkpoint_every_steps": 5}
    return as_reproduced().model_copy(update={**steps, "learning_rate": 1e-5})


VARIANTS = {"as-written": as_written, "as-reproduced": as_reproduced}
"""The fine-tuning of WWZ24, both ways."""

RECIPES = {
    "smoke": smoke,
    "laptop": laptop,
    "truth": truth,
    "paper": paper,
    "paper-fast": paper_fast,
}


def recipe(name: str) -> Configuration:
    """The configuration of the recipe called `name`.

    >>> recipe("laptop").graphs.max_vertices
    8
    """
    if name not in RECIPES:
        raise InputError(choice_fault("recipe", name, RECIPES))
    return RECIPES[name]()
