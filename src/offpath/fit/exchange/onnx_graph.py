"""A transformer as an ONNX graph that answers plain batches of any size and length.

In: a model of edge tokens. Out: the content of an .onnx file, tried in onnxruntime. Needs the extra
`onnx`; takes seconds, most of them torch's exporter.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import onnx
import onnxruntime
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from offpath.configs import InputError
from offpath.fit.transformer import Transformer, predict, rectangle

MOST_DIFFERENCE = 1e-4
TRACED = (3, 5)  # examples and tokens of the batch by which the graph is made
TRIED = ((1, 1), (2, 9), (7, 4), (40, 23))


class _Rectangle(nn.Module):
    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Int64[Tensor, "example token 2"]) -> Float[Tensor, " example"]:
        return self.model(*rectangle(tokens))


def onnx_graph(model: Transformer, about: Mapping[str, str]) -> tuple[bytes, float]:
    """The graph, with `about` as its metadata, and the largest difference from torch's answers.

    Input `tokens`, int64 (example, token, 2), where both first axes are free; output `distance`,
    (example,). Answers that differ by more than 1e-4 are an `InputError`.
    """
    if model.architecture.tokens == "vertices":
        raise InputError(
            "vertex tokens cannot be written as ONNX: torch's exporter fixes the size of the "
            "batch; give --out a path without suffix, for a hub folder"
        )
    axes = {0: torch.export.Dim("example"), 1: torch.export.Dim("token")}
    names = {"input_names": ["tokens"], "output_names": ["distance"]}
    options = {"dynamo": True, "verbose": False, "dynamic_shapes": {"tokens": axes}}
    traced = (torch.ones(*TRACED, 2, dtype=torch.int64),)
    with _quiet():
        program = torch.onnx.export(_Rectangle(model).eval(), traced, **names, **options)
    assert program is not None  # as it is without dynamo
    proto = program.model_proto
    graph = proto.graph
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")  # stack traces, with folders of this machine
    onnx.helper.set_model_props(proto, dict(about))
    content = proto.SerializeToString()
    return content, _difference(content, model)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from warning that torchvision is missing, and of what it deprecates."""
    exporter = logging.getLogger("torch.onnx._internal.exporter")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            yield
    finally:
        exporter.setLevel(level)


def _difference(content: bytes, model: Transformer) -> float:
    """How far onnxruntime's answers are from torch's, at most; an `InputError` if it is too far."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    random, differences = np.random.default_rng(0), []
    for examples, length in TRIED:
        tokens = trial(random, examples, length, model.max_vertices)
        (answers,) = session.run(["distance"], {"tokens": tokens.astype(np.int64)})
        differences.append(np.abs(np.asarray(answers) - predict(model, tokens)).max())
    largest = float(np.max(differences))
    if not largest <= MOST_DIFFERENCE:  # nor where it is not a number
        raise InputError(
            f"the ONNX graph was not written: onnxruntime's answers differ from torch's by "
            f"{largest:.1e}, and {MOST_DIFFERENCE:.0e} is allowed; give --out another suffix"
        )
    return largest


def trial(
    random: np.random.Generator, examples: int, length: int, max_vertices: int
) -> UInt8[np.ndarray, "example token 2"]:
    """Random edges, with padding at random places, and a random question last."""
    tokens = np.sort(random.integers(1, max_vertices + 1, (examples, length, 2)), axis=2)
    tokens[random.random((examples, length)) < 0.4] = 0
    tokens[:, -1, 0] = random.integers(2, max_vertices + 1, examples)
    tokens[:, -1, 1] = max_vertices + 1
    return tokens.astype(np.uint8)
