import pytest
import torch

from offpath.compute import Compute
from offpath.configs import Configuration, InputError
from offpath.data.tokens import encode
from offpath.fit.checkpoints import load_model
from offpath.generalize.matrix import measure_matrix
from offpath.handcraft import circuits
from offpath.handcraft.circuits import circuit_configuration, make, set_circuit
from offpath.handcraft.study_circuit import error_by_size
from offpath.handcraft.trace import trace
from offpath.handcraft.trial_graphs import oracle_distances
from offpath.pipeline import experiment, is_done
from offpath.recipes import laptop, smoke
from offpath.results import CircuitResult, Matrix, read_result
from offpath.run.folder import Run, create_run

CPU = Compute(torch.device("cpu"), 1)


def small(circuit, vertices: int = 6) -> Configuration:
    """A circuit's configuration with small evaluation sets."""
    c = circuit_configuration(circuit, laptop(), vertices)
    evaluate = c.evaluate.model_copy(update={"examples": 256, "bootstrap_resamples": 40})
    few = c.finetune and c.finetune.model_copy(update={"steps": 20})
    return c.model_copy(update={"evaluate": evaluate, "finetune": few})


@pytest.fixture(autouse=True)
def few_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curve of errors by size in little time; `test_verify.py` looks at its numbers."""
    monkeypatch.setattr(circuits, "error_by_size", lambda: error_by_size(sizes=[3, 4], graphs=9))


@pytest.mark.parametrize("circuit", ["wide", "doubling", "edge"])
def test_a_run_of_a_circuit_is_right_everywhere(circuit, tmp_path):
    run = create_run(small(circuit), tmp_path)
    assert run.folder.name.startswith(f"laptop-{circuit}-")
    records = list(experiment(run, CPU))
    stages = {record.get("stage", "fine-tuned") for record in records}
    assert stages <= {"evaluate", "shifts", "inside", "fine-tuned"}
    assert is_done(run)
    matrix = read_result(run, Matrix)
    first = matrix.predictors[0]
    assert (first.predictor, first.title, first.kind) == ("circuit", "handcrafted", "handcrafted")
    found = [cell for cell in matrix.cells if cell.predictor == "circuit"]
    assert len(found) > 100
    assert all(cell.accuracy == 1 and cell.mse < 1e-6 for cell in found)


@pytest.mark.parametrize("circuit", ["wide", "doubling", "edge"])
def test_states_are_those_of_the_search(circuit, tmp_path):
    run = create_run(small(circuit, 8), tmp_path)
    set_circuit(run)
    result = read_result(run, CircuitResult)
    graph, n = result.graph, 8
    near = oracle_distances(graph.edges, 1, n, n)
    assert graph.distance == near[graph.target - 1] == max(near)
    assert result.answer == pytest.approx(graph.distance, abs=1e-2)
    assert len(result.states) == result.layers + 1
    for state in result.states:
        reached = [x > 0.5 for x in state.from_source]
        hops = max(d for d, r in zip(near, reached, strict=True) if r)
        assert reached == [d <= hops for d in near]  # a ball around vertex 1
        if circuit == "edge":
            assert hops == min(state.layer, max(near))
    assert len(graph.positions) == n
    assert (len(result.directions) > 0) == (circuit == "edge")
    assert (len(result.sizes) > 0) == (circuit == "wide")


@pytest.mark.parametrize("circuit", ["wide", "doubling", "edge"])
def test_a_question_for_the_source_is_not_traced(circuit):
    tokens = encode([(1, 2)], 2, 6)
    tokens[0, -1, 0] = 1
    with pytest.raises(ValueError, match="target must be 2 to 6; got 1: the distance from 1 to "):
        trace(make(circuit, 6, laptop().model), circuit, tokens)


def test_a_recipe_gets_the_edge_circuit_in_its_own_architecture_if_it_fits(tmp_path):
    for recipe, own in ((laptop(), True), (smoke(), False)):
        run = create_run(recipe, tmp_path)
        set_circuit(run)
        result = read_result(run, CircuitResult)
        assert result.circuit == "edge"
        assert result.own_architecture == own
        assert bool(result.note) != own
        model = load_model(run, "circuit", CPU.device)
        assert (model.architecture == recipe.model) == own
    assert result.note == (
        "the circuit does not fit the run's architecture: width 26 instead of 16, "
        "layers 3 instead of 2"
    )


def test_a_larger_circuit_is_told_as_such_in_the_matrix(run: Run):
    list(experiment(run, CPU))
    (row,) = (p for p in read_result(run, Matrix).predictors if p.kind == "handcrafted")
    assert row.title == "handcrafted (3 layers, 26 wide)"


def test_the_circuit_is_set_once(run: Run):
    set_circuit(run)
    first = run.checkpoint("circuit").stat().st_mtime_ns
    set_circuit(run)
    assert run.checkpoint("circuit").stat().st_mtime_ns == first


def test_an_evaluation_without_the_circuit_says_how_to_get_it(tmp_path):
    run = create_run(small("edge"), tmp_path)
    with pytest.raises(InputError, match="has no checkpoint 'circuit' yet; make it with"):
        next(measure_matrix(run, CPU))


def test_a_size_out_of_range_is_named():
    with pytest.raises(InputError, match="vertices must be 3 to 64; got 65"):
        circuit_configuration("wide", laptop(), 65)
