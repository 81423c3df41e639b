import logging
import os
import pickle
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import jaxtyping
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from offpath.cli.main import main
from offpath.configs import Configuration, InputError
from offpath.data.batches import draw
from offpath.data.worlds import worlds
from offpath.fit.checkpoints import (
    Tensors,
    load_model,
    new_model,
    read_tensors,
    save_model,
    write_tensors,
)
from offpath.fit.exchange.hub import HubTransformer
from offpath.fit.exchange.interop import Imported, Norm, export_weights, import_weights
from offpath.fit.exchange.layout import published
from offpath.fit.exchange.onnx_graph import onnx_graph, trial
from offpath.fit.stages import pretrain
from offpath.fit.transformer import Transformer, predict
from offpath.handcraft.wide_circuit import wide_circuit
from offpath.recipes import paper, smoke, truth
from offpath.run.folder import Run, create_run, open_run, sessions

CPU = torch.device("cpu")
VERTICES = 5


@dataclass
class Shape:
    """Sizes of the smoke recipe, in torch's own modules."""

    norm: Norm = "post"
    final_norm: bool = False
    width: int = 16
    heads: int = 2
    layers: int = 2
    feed_forward: int = 32
    vertices: int = VERTICES


SHAPES = {
    "post-norm": Shape(),
    "post-norm with a final norm": Shape(final_norm=True),
    "pre-norm": Shape(norm="pre"),
    "pre-norm with a final norm": Shape(norm="pre", final_norm=True),
    "other sizes": Shape(width=24, heads=3, layers=3, feed_forward=20, vertices=9),
}


class StudyModel(nn.Module):
    """The study's model as one would write it with torch's own modules."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            shape.width,
            shape.heads,
            shape.feed_forward,
            dropout=0.0,
            batch_first=True,
            norm_first=shape.norm == "pre",
        )
        last = nn.LayerNorm(shape.width) if shape.final_norm else None
        self.embedding = nn.Embedding(shape.vertices + 2, shape.width // 2)
        self.transformer_encoder = nn.TransformerEncoder(
            layer, shape.layers, norm=last, enable_nested_tensor=False
        )
        self.fc_out = nn.Linear(shape.width, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        padding = tokens[:, :, 1] == 0
        x = self.embedding(tokens).flatten(2)
        x = self.transformer_encoder(x, src_key_padding_mask=padding)
        return self.fc_out(x[:, -1]).squeeze(1)


def study_model(shape: Shape | None = None) -> StudyModel:
    """Random weights of which none is at its usual start: no zeros, no ones."""
    torch.manual_seed(3)
    model = StudyModel(shape or Shape())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def questions(vertices: int = VERTICES) -> np.ndarray:
    return trial(np.random.default_rng(1), 64, 2 * vertices, vertices)


@torch.inference_mode()
def answers(model: StudyModel, tokens: np.ndarray) -> np.ndarray:
    return model.train()(torch.from_numpy(tokens).long()).numpy()  # not torch's fast path


def taken(path: Path, heads: int | None = 2, norm: Norm | None = "post") -> Imported:
    runs = path.parent / "runs"
    return import_weights(path, smoke(), heads=heads, norm=norm, runs_folder=runs)


def saved(folder: Path, weights: object, name: str = "weights.pth") -> Path:
    torch.save(weights, folder / name)
    return folder / name


def refused(path: Path, heads: int | None = 2, norm: Norm | None = "post") -> str:
    """The one line with which a file is refused, after which there is no run."""
    with pytest.raises(InputError) as error:
        taken(path, heads, norm)
    assert "\n" not in str(error.value)
    assert not (path.parent / "runs").exists()
    return str(error.value)


@contextmanager
def shapes_unchecked() -> Iterator[None]:
    """Torch's exporter calls functions with sizes that are symbols, not the integers declared."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_an_imported_model_answers_as_torchs_own_modules_do(shape: Shape, tmp_path: Path):
    theirs, tokens = study_model(shape), questions(shape.vertices)
    run = taken(saved(tmp_path, theirs.state_dict()), shape.heads, shape.norm).run
    ours = load_model(run, "pretrained", CPU)
    np.testing.assert_allclose(predict(ours, tokens), answers(theirs, tokens), atol=1e-5, rtol=0)
    a = run.configuration.model
    assert (a.width, a.layers, a.heads) == (shape.width, shape.layers, shape.heads)
    assert (a.feed_forward, a.norm) == (shape.feed_forward, shape.norm)
    assert a.final_norm == shape.final_norm
    assert run.configuration.graphs.max_vertices == shape.vertices


def test_the_default_norm_is_that_of_the_recipe(tmp_path: Path):
    path = saved(tmp_path, study_model().state_dict())
    assert taken(path, norm=None).run.configuration.model.norm == smoke().model.norm == "pre"


def test_weights_that_lack_the_markers_of_a_recipe_are_refused(tmp_path: Path):
    path = saved(tmp_path, study_model().state_dict())
    wanted = r"model.markers must be 3, one for each of truth, near=2, assistant; got 1, as the imp"
    with pytest.raises(InputError, match=wanted):
        import_weights(path, truth(), heads=2, norm="pre", runs_folder=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_study_has_the_architecture_of_the_recipe_paper(tmp_path: Path):
    shape = Shape(width=64, layers=11, feed_forward=256, vertices=15)
    path = saved(tmp_path, study_model(shape).state_dict())
    found = import_weights(path, paper(), heads=2, norm=None, runs_folder=tmp_path / "runs")
    c = found.run.configuration
    assert (c.model, c.graphs) == (paper().model, paper().graphs)


def test_the_limits_of_a_recipe_are_clipped_to_the_graphs_of_the_weights(tmp_path: Path):
    path = saved(tmp_path, study_model(Shape(vertices=3)).state_dict())
    graphs = taken(path).run.configuration.graphs
    assert (graphs.max_vertices, graphs.finetune_vertices, graphs.balance_distance) == (3, 3, 3)


def renamed(change: Callable[[str], str]) -> Callable[[StudyModel], object]:
    return lambda model: {change(name): t for name, t in model.state_dict().items()}


def whole_compiled(model: StudyModel) -> object:
    return cast(nn.Module, torch.compile(model, backend="eager")).state_dict()


def encoder_compiled(model: StudyModel) -> object:
    model.transformer_encoder = torch.compile(model.transformer_encoder, backend="eager")  # pyright: ignore
    return model.state_dict()


def layers_compiled(model: StudyModel) -> object:
    layers = model.transformer_encoder.layers
    for number, layer in enumerate(layers):
        layers[number] = torch.compile(layer, backend="eager")  # pyright: ignore
    return model.state_dict()


WRAPPED = {
    "compiled": (whole_compiled, "_orig_mod.fc_out.bias"),
    "encoder compiled": (encoder_compiled, "transformer_encoder._orig_mod.layers.0.norm1.bias"),
    "layers compiled": (layers_compiled, "transformer_encoder.layers.0._orig_mod.norm1.bias"),
    "data-parallel": (renamed(lambda name: f"module.{name}"), "module.fc_out.bias"),
    "both": (renamed(lambda n: f"_orig_mod.module.{n}"), "_orig_mod.module.fc_out.bias"),
    "state_dict": (lambda model: {"state_dict": model.state_dict(), "epoch": 3}, "state_dict"),
    "model": (lambda model: {"model": model.state_dict(), "step": 3}, "model"),
    "parameters": (lambda model: dict(model.named_parameters()), "fc_out.bias"),
}


@pytest.mark.parametrize(("wrap", "name"), WRAPPED.values(), ids=WRAPPED.keys())
def test_however_a_model_was_wrapped_the_same_weights_are_the_same_run(
    wrap: Callable[[StudyModel], object], name: str, tmp_path: Path
):
    plain = taken(saved(tmp_path, study_model().state_dict()))
    wrapped = wrap(study_model())
    assert isinstance(wrapped, dict)
    assert name in wrapped
    again = taken(saved(tmp_path, wrapped, "wrapped.pt"))
    assert again.run == plain.run
    assert (plain.known, again.known) == (False, True)
    assert len(sessions(again.run)) == 2


def test_the_same_weights_in_safetensors_are_the_same_run(tmp_path: Path):
    plain = taken(saved(tmp_path, study_model().state_dict()))
    save_file(study_model().state_dict(), tmp_path / "weights.safetensors")
    assert taken(tmp_path / "weights.safetensors").run == plain.run


def test_other_weights_heads_norms_and_seeds_are_other_runs(tmp_path: Path):
    path = saved(tmp_path, study_model().state_dict())
    changed = study_model()
    with torch.no_grad():
        changed.fc_out.bias.add_(1e-3)
    other = saved(tmp_path, changed.state_dict(), "other.pth")
    seeded = import_weights(
        path,
        smoke().model_copy(update={"seed": 1}),
        heads=2,
        norm="post",
        runs_folder=tmp_path / "runs",
    )
    runs = [taken(path), taken(other), taken(path, heads=4), taken(path, norm="pre"), seeded]
    assert len({found.run.folder for found in runs}) == 5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_in_another_precision_are_cast_and_that_is_said(dtype, tmp_path: Path):
    theirs = study_model().to(dtype)
    found = taken(saved(tmp_path, theirs.state_dict()))
    assert found.cast_from == (str(dtype).removeprefix("torch."),)
    rounded = taken(saved(tmp_path, theirs.float().state_dict(), "rounded.pth"))
    assert rounded.run == found.run
    assert rounded.cast_from == ()


def test_a_checkpoint_of_a_run_is_imported_under_our_own_names(run: Run, tmp_path: Path):
    model = new_model(run.configuration)
    save_model(run, "pretrained", model)
    a = model.architecture
    assert a.norm == "pre" != paper().model.norm
    found = import_weights(  # its notes tell heads and norm
        run.checkpoint("pretrained"), paper(), heads=None, norm=None, runs_folder=tmp_path
    )
    assert found.run.configuration.model == a
    tokens = questions()
    assert np.array_equal(
        predict(load_model(found.run, "pretrained", CPU), tokens), predict(model, tokens)
    )


def test_the_control_starts_from_new_weights(tmp_path: Path):
    run = taken(saved(tmp_path, study_model().state_dict())).run
    drawn = new_model(run.configuration).state_dict()
    untrained = load_model(run, "untrained", CPU).state_dict()
    assert all(torch.equal(untrained[name], tensor) for name, tensor in drawn.items())


def test_pretrained_weights_that_differ_are_never_overwritten(tmp_path: Path):
    path = saved(tmp_path, study_model().state_dict())
    run = taken(path).run
    save_model(run, "pretrained", new_model(run.configuration))
    before = run.checkpoint("pretrained").read_bytes()
    with pytest.raises(InputError, match=r"holds other weights than those imported.*move"):
        taken(path)
    assert run.checkpoint("pretrained").read_bytes() == before


def test_an_import_that_was_stopped_half_way_is_completed(tmp_path: Path):
    path = saved(tmp_path, study_model().state_dict())
    run = taken(path).run
    for name in ("pretrained", "untrained"):
        run.checkpoint(name).unlink()
        taken(path)
        assert run.checkpoint(name).exists()


def test_nothing_is_trained_in_place_of_imported_weights(tmp_path: Path):
    from offpath.compute import Compute

    run = taken(saved(tmp_path, study_model().state_dict())).run
    assert list(pretrain(run, Compute(CPU, 1))) == []
    for name in ("pretrained", "untrained"):
        run.checkpoint(name).unlink()
    with pytest.raises(InputError, match=r"were imported .* nothing is trained.*offpath import"):
        next(pretrain(run, Compute(CPU, 1)))
    assert not list(run.folder.glob("checkpoints/*"))
    with pytest.raises(InputError, match=r"offpath import WEIGHTS --recipe smoke --seed 0 --heads"):
        load_model(run, "pretrained", CPU)


L = "transformer_encoder.layers."
EXPANDED = torch.zeros(1).expand(10**12, 8)


def dropped(*names: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {n: t for n, t in tensors.items() if not n.startswith(names)}


def added(**more: object) -> Callable[[Tensors], object]:
    return lambda tensors: {**tensors, **{n.replace("__", "."): t for n, t in more.items()}}


FAULTS = {
    "missing": (dropped("fc_out.bias"), r"missing: fc_out.bias; docs/weights.md"),
    "many missing": (
        dropped(f"{L}0.self_attn.", f"{L}0.norm"),
        rf"missing: {L}0.self_attn.in_proj_weight, .*, .* and 5 more;",
    ),
    "layer left out": (
        lambda tensors: {n.replace("layers.1.", "layers.2."): t for n, t in tensors.items()},
        rf"missing: {L}1.* and 9 more",
    ),
    "no layers": (dropped(L), rf"missing: {L}0.* and 9 more"),
    "no embedding": (dropped("embedding"), "missing: embedding.weight;"),
    "surplus": (added(extra__weight=torch.ones(2)), "not part of the model: extra.weight;"),
    "surplus number": (added(epoch=3), "not part of the model: epoch;"),
    "stray layer": (
        added(transformer_encoder__layers__99999__norm1__weight=torch.ones(16)),
        rf"missing: {L}2.*not part of the model: {L}99999.norm1.weight",
    ),
    "half of a final norm": (
        added(transformer_encoder__norm__bias=torch.ones(16)),
        "missing: transformer_encoder.norm.weight;",
    ),
    "shape": (
        added(fc_out__weight=torch.ones(1, 15)),
        r"of the wrong shape: fc_out.weight is \(1, 15\), not \(1, 16\);",
    ),
    "twice": (
        added(module__fc_out__bias=torch.ones(1)),
        "twice the same tensor: module.fc_out.bias and fc_out.bias;",
    ),
    "not a number": (added(fc_out__bias=torch.tensor([torch.nan])), "not finite: fc_out.bias;"),
    "beyond float32": (
        added(fc_out__bias=torch.tensor([1e300], dtype=torch.float64)),
        "not finite: fc_out.bias;",
    ),
    "integers": (
        added(fc_out__bias=torch.ones(1, dtype=torch.int64)),
        "no plain tensor of floating-point numbers: fc_out.bias;",
    ),
    "complex": (
        added(fc_out__bias=torch.ones(1, dtype=torch.complex64)),
        "no plain tensor of floating-point numbers: fc_out.bias;",
    ),
    "sparse": (
        added(fc_out__weight=torch.ones(1, 16).to_sparse()),
        "no plain tensor of floating-point numbers: fc_out.weight;",
    ),
    "no tensor": (
        added(fc_out__bias=[0.0]),
        "no plain tensor of floating-point numbers: fc_out.bias;",
    ),
    "few numbers that pretend to be many": (
        added(embedding__weight=EXPANDED),
        "no plain tensor of floating-point numbers: embedding.weight;",
    ),
    "flat embedding": (
        added(embedding__weight=torch.ones(56)),
        r"of the wrong shape: embedding.weight is \(56,\), not a matrix of some size;",
    ),
    "empty embedding": (
        added(embedding__weight=torch.ones(7, 0)),
        r"of the wrong shape: embedding.weight is \(7, 0\), not a matrix of some size;",
    ),
    "empty feed-forward": (
        lambda tensors: {n: t[:0] if "linear1" in n else t for n, t in tensors.items()},
        rf"{L}0.linear1.weight is \(0, 16\), not a matrix of some size",
    ),
    "too few vertices": (
        added(embedding__weight=torch.ones(4, 8)),
        r"embedding.weight must have 5 to 66 rows \(padding, 3 to 64 vertices.*\), not 4",
    ),
    "too many vertices": (added(embedding__weight=torch.ones(67, 8)), "5 to 66 rows .* not 67"),
    "something else": (
        lambda _: {"conv1.weight": torch.ones(2, 2)},
        "missing: embedding.weight, .* and .* more; not part of the model: conv1.weight",
    ),
    "nothing": (lambda _: {}, "missing: embedding.weight"),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_what_does_not_fit_is_named(change: Callable, message: str, tmp_path: Path):
    said = refused(saved(tmp_path, change(study_model().state_dict())))
    assert re.search(message, said), said
    assert said.startswith(f"{tmp_path}/weights.pth cannot be imported: ")
    assert len(said) < 900


def test_all_faults_are_named_at_once(tmp_path: Path):
    weights = study_model().state_dict()
    del weights["fc_out.bias"]
    weights["extra"] = torch.ones(1)
    weights["fc_out.weight"] = torch.ones(2, 16)
    weights[f"{L}0.norm1.bias"][3] = torch.inf
    weights[f"{L}0.norm2.bias"] = torch.ones(16, dtype=torch.int32)
    said = refused(saved(tmp_path, weights), heads=3)
    for fault in (
        "missing: fc_out.bias;",
        "not part of the model: extra;",
        f"floating-point numbers: {L}0.norm2.bias;",
        "fc_out.weight is (2, 16), not (1, 16);",
        f"not finite: {L}0.norm1.bias;",
        "--heads must divide the width, and is 3: choose one of 1, 2, 4, 8, 16;",
    ):
        assert fault in said, said


def test_faults_bear_the_names_of_the_file(tmp_path: Path):
    compiled = {f"_orig_mod.{n}": t for n, t in study_model().state_dict().items()}
    compiled["_orig_mod.fc_out.weight"] = torch.ones(2)
    assert "_orig_mod.fc_out.weight is (2,)" in refused(saved(tmp_path, compiled))
    ours = new_model(smoke()).state_dict()
    del ours["layers.1.norm1.bias"]
    assert "missing: layers.1.norm1.bias;" in refused(saved(tmp_path, ours))


def test_heads_must_be_given_unless_the_file_notes_them(tmp_path: Path):
    path = saved(tmp_path, study_model().state_dict())
    assert refused(path, heads=None) == (
        f"--heads must be given, for no tensor of {path} shows the number of attention heads; "
        "WWZ24 has --heads 2"
    )
    for heads in (0, -2):
        assert f"--heads must divide the width, and is {heads}" in refused(path, heads=heads)


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("bare", [True, False], ids=["pickle", "torch.save"])
def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(
    protocol: int, bare: bool, tmp_path: Path
):
    trace, path = tmp_path / "was-here", tmp_path / "weights.pth"
    weights = {**study_model().state_dict(), "extra": Malicious(trace)}
    if bare:
        path.write_bytes(pickle.dumps(Malicious(trace), protocol=protocol))
    else:
        torch.save(weights, path, pickle_protocol=protocol)
    said = refused(path)
    if protocol == 2:  # of another protocol, torch reads nothing that names code
        assert "was refused, and nothing of it was run: it asks for posix.system" in said
    assert "weights_only" not in said
    assert not trace.exists()
    pickle.loads(pickle.dumps(Malicious(trace)))  # what it would have done
    assert trace.exists()


def test_a_whole_module_is_refused_with_the_remedy(tmp_path: Path):
    said = refused(saved(tmp_path, nn.Linear(2, 2)))
    assert "asks for torch.nn.modules.linear.Linear" in said
    assert "write it with torch.save(model.state_dict(), ...)" in said


def test_files_that_are_no_files_of_weights_are_refused_in_one_line(tmp_path: Path):
    whole = saved(tmp_path, study_model().state_dict()).read_bytes()
    save_file(study_model().state_dict(), tmp_path / "whole.safetensors")
    contents = {
        "empty.pth": b"",
        "text.pth": b"hello, this is a text\n",
        "noise.pth": bytes(range(256)) * 4,
        "start.pth": whole[:100],
        "cut.pth": whole[:-300],
        "empty.safetensors": b"",
        "text.safetensors": b"hello, this is a text\n",
        "cut.safetensors": (tmp_path / "whole.safetensors").read_bytes()[:-300],
        "torch.safetensors": whole,
        "safetensors.pth": (tmp_path / "whole.safetensors").read_bytes(),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        said = refused(tmp_path / name)
        assert re.search(r"is no file of weights, or a damaged one|is damaged", said), said
    assert "there is no " in refused(tmp_path / "nowhere.pth")
    assert "is a folder: of a run give" in refused(tmp_path)
    assert "holds a list, not a dictionary of tensors" in refused(saved(tmp_path, [1, 2]))


def test_a_file_cut_anywhere_is_refused(tmp_path: Path):
    whole = saved(tmp_path, study_model().state_dict()).read_bytes()
    for kept in range(0, len(whole), len(whole) // 40):
        (tmp_path / "cut.pth").write_bytes(whole[:kept])
        refused(tmp_path / "cut.pth")


@pytest.fixture
def finetuned(run: Run) -> Run:
    """A run of the smoke recipe, pre-norm with a final norm, with a checkpoint `finetuned`."""
    save_model(run, "finetuned", new_model(run.configuration))
    return run


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".PT"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_torchs_own_modules_load_an_export_strictly_and_answer_alike(
    shape: Shape, suffix: str, tmp_path: Path
):
    run = taken(saved(tmp_path, study_model(shape).state_dict()), shape.heads, shape.norm).run
    out = tmp_path / f"out{suffix}"
    export_weights(run, "untrained", out)
    theirs = StudyModel(shape)
    theirs.load_state_dict(torch.load(out, weights_only=True), strict=True)
    tokens = questions(shape.vertices)
    ours = predict(load_model(run, "untrained", CPU), tokens)
    np.testing.assert_allclose(answers(theirs, tokens), ours, atol=1e-5, rtol=0)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_exported_and_imported_again_is_the_same_run(suffix: str, tmp_path: Path):
    found = taken(saved(tmp_path, study_model().state_dict()))
    out = tmp_path / f"out{suffix}"
    export_weights(found.run, "pretrained", out)
    noted = suffix == ".safetensors"
    again = taken(out, None if noted else 2, None if noted else "post")
    assert again.run == found.run
    assert again.known
    exported = read_tensors(out)[0] if suffix == ".safetensors" else torch.load(out)
    for name, tensor in study_model().state_dict().items():
        assert torch.equal(exported[name], tensor)


def test_exports_of_the_same_weights_are_the_same_bytes(finetuned: Run, tmp_path: Path):
    for suffix in (".pth", ".safetensors"):
        for name in ("one", "two"):
            export_weights(finetuned, "finetuned", tmp_path / f"{name}{suffix}")
        one, two = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("one", "two"))
        assert one == two


def test_notes_of_a_file_that_contradict_an_option_are_told(finetuned: Run, tmp_path: Path):
    out = tmp_path / "out.safetensors"
    export_weights(finetuned, "finetuned", out)
    assert read_tensors(out)[1] == {
        "run": finetuned.configuration.run_name,
        "checkpoint": "finetuned",
        "heads": "2",
        "norm": "pre",
    }
    told: list[tuple[int | None, Norm | None, str]] = [
        (4, None, "heads 4"),
        (None, "post", "norm post"),
    ]
    for heads, norm, name in told:
        with pytest.raises(InputError, match=f"--{name} contradicts the notes of .*leave it out"):
            taken(out, heads, norm)
    assert taken(out, 2, "pre").run == taken(out, None, None).run


def test_damaged_notes_are_told(finetuned: Run, tmp_path: Path):
    out, tensors = tmp_path / "out.safetensors", study_model().state_dict()
    for notes in ({"heads": "two", "norm": "pre"}, {"heads": "2"}, {"architecture": "{}"}):
        write_tensors(out, tensors, notes)
        with pytest.raises(InputError, match="is damaged: its notes cannot be read"):
            taken(out)
    content = bytearray(out.read_bytes())
    content[-1] ^= 1
    out.write_bytes(content)
    with pytest.raises(InputError, match="its SHA-256 is not the one written with it"):
        taken(out)
    for text in ("[1]", "7", "{"):
        save_file(tensors, out, {"offpath": text})
        with pytest.raises(InputError, match="is damaged"):
            taken(out)


def test_networks_that_torchs_encoder_lacks_are_refused_with_a_way_out(run: Run, tmp_path: Path):
    save_model(run, "circuit", wide_circuit(VERTICES))
    for suffix in (".pth", ".safetensors"):
        with pytest.raises(InputError, match=r"has no vertex tokens.*without suffix"):
            export_weights(run, "circuit", tmp_path / f"out{suffix}")
    with pytest.raises(InputError, match=r"vertex tokens cannot be written as ONNX"):
        export_weights(run, "circuit", tmp_path / "out.onnx")
    with pytest.raises(InputError, match=r"handcrafted network that is no ordinary encoder"):
        taken(run.checkpoint("circuit"))
    a = run.configuration.model
    for change, lacks in (
        ({"norm": "none"}, "without norm"),
        ({"head_size": 3}, "heads of a size"),
        ({"looped": True}, "looped layers"),
        ({"head": "ordinal"}, "read-out of labels"),
        ({"markers": 3}, "rows of 3 reporters"),
    ):
        model = Transformer(a.model_copy(update=change), VERTICES)
        with pytest.raises(InputError, match=f"has no .*{lacks}"):
            published(model)
        if "norm" not in change and "head_size" not in change:
            save_model(run, "other", model)
            with pytest.raises(
                InputError, match="looped layers, a read-out of labels or several reporters, which"
            ):
                taken(run.checkpoint("other"))
    published(Transformer(a.model_copy(update={"head_size": 8}), VERTICES))  # torch's own
    assert not list(tmp_path.glob("out*"))


def hub_round_trip(run: Run, name: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    export_weights(run, name, folder)
    tokens = questions()
    loaded = HubTransformer.from_pretrained(str(folder))
    return predict(loaded, tokens), predict(load_model(run, name, CPU), tokens)


def test_a_hub_folder_comes_back_bit_for_bit(finetuned: Run, tmp_path: Path):
    loaded, ours = hub_round_trip(finetuned, "finetuned", tmp_path / "hub")
    assert np.array_equal(loaded, ours)
    files = {path.name for path in (tmp_path / "hub").iterdir()}
    assert files == {"README.md", "config.json", "model.safetensors"}
    assert "HubTransformer" in (tmp_path / "hub" / "README.md").read_text()
    imported = taken(tmp_path / "hub" / "model.safetensors", norm="pre")
    assert np.array_equal(predict(imported.model, questions()), ours)


def test_a_circuit_of_any_architecture_and_precision_goes_into_a_hub_folder(
    run: Run, tmp_path: Path
):
    for double in (False, True):
        dtype = torch.float64 if double else torch.float32
        save_model(run, "circuit", wide_circuit(VERTICES, dtype=dtype))
        loaded, ours = hub_round_trip(run, "circuit", tmp_path / f"hub{double}")
        assert np.array_equal(loaded, ours)
        assert loaded.dtype == (np.float64 if double else np.float32)


def test_a_hub_folder_without_all_weights_is_not_loaded(finetuned: Run, tmp_path: Path):
    export_weights(finetuned, "finetuned", tmp_path / "hub")
    weights = new_model(finetuned.configuration).state_dict()
    del weights["readout.bias"]
    save_file(weights, tmp_path / "hub" / "model.safetensors")
    with pytest.raises(RuntimeError, match=r"readout\.bias"):
        HubTransformer.from_pretrained(str(tmp_path / "hub"))


def test_a_hub_folder_is_written_whole_or_not_at_all(finetuned: Run, tmp_path: Path, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    for name in ("full", "full/file"):
        with pytest.raises(InputError, match="exists already; move it away"):
            export_weights(finetuned, "finetuned", tmp_path / name)
    assert (tmp_path / "full" / "file").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    export_weights(finetuned, "finetuned", tmp_path / "empty")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(InputError, match="No space left on device"):
        export_weights(finetuned, "finetuned", tmp_path / "new")
    assert sorted(path.name for path in tmp_path.glob("[!r]*")) == ["empty", "full"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, str]]:
    """A run beside which its checkpoint `finetuned` lies in every format, and what was said."""
    folder = tmp_path_factory.mktemp("exported")
    run = create_run(smoke(), folder / "runs")
    save_model(run, "finetuned", new_model(run.configuration))
    names = ("finetuned.pth", "finetuned.safetensors", "finetuned.onnx", "finetuned")
    with shapes_unchecked():
        return run, {name: export_weights(run, "finetuned", folder / name) for name in names}


def test_the_onnx_graph_answers_batches_of_every_size_and_length(exported):
    run, said = exported
    assert "differ from torch's by at most" in said["finetuned.onnx"]
    out = run.folder.parents[1] / "finetuned.onnx"
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    model, random = load_model(run, "finetuned", CPU), np.random.default_rng(5)
    (tokens,) = session.get_inputs()
    assert (tokens.name, tokens.shape, tokens.type) == (
        "tokens",
        ["example", "token", 2],
        "tensor(int64)",
    )
    test_e = draw(worlds(run.configuration.graphs)["test_e"], 0, 0, 50).tokens
    batches = [trial(random, n, length, VERTICES) for n in (1, 3, 33) for length in (1, 2, 6, 17)]
    for batch in (*batches, test_e):
        (answers,) = session.run(["distance"], {"tokens": batch.astype(np.int64)})
        np.testing.assert_allclose(np.asarray(answers), predict(model, batch), atol=1e-5, rtol=0)
    notes = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert notes == {"run": run.configuration.run_name, "checkpoint": "finetuned"}
    package = str(Path(torch.__file__).parent)
    assert package.encode() not in out.read_bytes()
    assert b".py" not in out.read_bytes()


@pytest.mark.slow
def test_an_onnx_graph_that_answers_otherwise_is_not_written(
    tiny: Configuration, monkeypatch, capfd, caplog
):
    monkeypatch.setattr("offpath.fit.exchange.onnx_graph.MOST_DIFFERENCE", -1.0)
    with (
        shapes_unchecked(),
        pytest.raises(InputError, match=r"was not written: onnxruntime's answers differ"),
    ):
        onnx_graph(new_model(tiny), {})
    assert capfd.readouterr() == ("", "")  # the exporter is told to be quiet
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_code_on_the_page_about_weights_loads_every_format(exported, monkeypatch):
    run, _ = exported
    monkeypatch.chdir(run.folder.parents[1])
    page = (Path(__file__).parents[3] / "docs" / "weights.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    known: dict = {}
    distances = []
    for block in (block for block in blocks if not block.startswith(">>>")):
        exec(block, known)
        distances.append(float(np.asarray(known["distance"].tolist()).squeeze()))
    assert len(distances) == 4
    assert distances == pytest.approx([distances[-1]] * 4, abs=1e-5)


WRONG_EXPORTS = {
    "suffix": ("out.csv", r"--out must end in .pth, .pt, .safetensors, .onnx, or have no suffix.*"),
    "no folder": ("nowhere/out.pth", r"there is no folder .*nowhere; make it first"),
}


@pytest.mark.parametrize(("out", "message"), WRONG_EXPORTS.values(), ids=WRONG_EXPORTS.keys())
def test_an_export_to_a_wrong_place_is_one_line(out, message, finetuned: Run, tmp_path: Path):
    with pytest.raises(InputError, match=message):
        export_weights(finetuned, "finetuned", tmp_path / out)


def test_a_checkpoint_that_is_not_there_is_told_with_those_that_are(finetuned: Run, tmp_path: Path):
    save_model(finetuned, "untrained", new_model(finetuned.configuration))
    finetuned.checkpoint("finetuned-resume").write_bytes(b"")
    message = "--checkpoint must be one of finetuned, untrained; got 'best'"
    with pytest.raises(InputError, match=message):
        export_weights(finetuned, "best", tmp_path / "out.pth")


@pytest.mark.parametrize(
    ("out", "extra", "package"), [("out.onnx", "onnx", "onnxscript"), ("out", "hub", "")]
)
def test_a_missing_extra_is_told_with_the_command(
    out: str, extra: str, package: str, finetuned: Run, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr("offpath.run.extras.find_spec", lambda name: None)
    with pytest.raises(InputError) as error:
        export_weights(finetuned, "finetuned", tmp_path / out)
    assert f"needs the extra `{extra}`" in str(error.value)
    assert "-m pip install " in str(error.value)
    assert package in str(error.value)


def offpath(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_an_imported_run_goes_through_all_verbs(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path, study_model().half().state_dict(), "study.pth")
    words = ("import", "study.pth", "--recipe", "smoke", "--norm", "post", "--heads", "2")
    assert offpath(*words) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    said = capsys.readouterr().out
    assert said == (
        "4,521 parameters: width 16, layers 2, heads 2, feed-forward 32, norm post without a final "
        "one; graphs of 3 to 5 vertices\n"
        "accuracy on pre-training questions: 0.0%: are --heads and --norm right? No tensor "
        "shows them; remove the folder to try others\n"
        "cast from float16 to float32\n"
        f"imported; next: `offpath finetune runs/{folder.name}`\n"
    )
    assert offpath("report", str(folder)) == 0
    assert offpath(*words) == 0
    assert "holds these very weights already; nothing was changed" in capsys.readouterr().out
    machine = ("--device", "cpu", "--threads", "1")
    little = ("--chains", "2", "--draws", "20", "--burn-in-steps", "0", "--examples", "64")
    assert offpath("finetune", str(folder), *machine) == 0
    assert offpath("evaluate", str(folder), *machine) == 0
    assert offpath("llc", str(folder), *little, "--batch-examples", "8", *machine) == 0
    assert offpath("compare", "--study", str(folder)) == 0
    assert "weights are imported (SHA-256" in capsys.readouterr().out
    assert offpath("report", str(folder)) == 0
    assert offpath("export", str(folder), "--out", "tuned.safetensors") == 0
    assert "wrote tuned.safetensors: " in capsys.readouterr().out
    page = (folder / "report.html").read_text()
    imported = open_run(folder).configuration.imported
    assert imported is not None
    sentence = f"imported, not trained here (SHA-256 {imported[:12]}…), so there is no curve"
    assert sentence in " ".join(page.split())
    assert "offpath pretrain" not in page
    assert "Not there yet: pre-training" not in page
    assert "<h4>pretrain</h4>" not in page
    assert "<h4>finetune</h4>" in page
    assert "Along pre-training" not in page


def test_a_run_that_was_imported_is_never_made_by_a_recipe(tmp_path: Path):
    run = taken(saved(tmp_path, study_model().state_dict())).run
    c = run.configuration
    trained = create_run(c.model_copy(update={"imported": None}), tmp_path / "runs")
    assert trained.folder != run.folder
