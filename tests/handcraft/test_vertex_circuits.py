"""The two circuits over vertex tokens, wide and doubling."""

from math import ceil, log2

import numpy as np
import pytest
import torch

from offpath.fit.transformer import predict
from offpath.handcraft import wide_circuit as wide_module
from offpath.handcraft.doubling_circuit import doubling_architecture, doubling_circuit
from offpath.handcraft.trial_graphs import FAMILIES, family_edges
from offpath.handcraft.verify import answers, ask
from offpath.handcraft.wide_circuit import wide_architecture, wide_circuit
from tests.cases import CASES, Case


@pytest.mark.parametrize("make", [wide_circuit, doubling_circuit])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_target_of_the_worked_graphs_is_answered(make, case: Case):
    asked = ask(list(case.edges), 1, range(2, case.vertices + 1), case.vertices)
    assert asked.distances.tolist() == [case.vertices if h is None else h for h in case.hops[1:]]
    errors = predict(make(case.vertices), asked.tokens) - asked.distances
    assert np.abs(errors).max() < 1e-4


@pytest.mark.parametrize("make", [wide_circuit, doubling_circuit])
@pytest.mark.parametrize("family", FAMILIES)
def test_any_source_and_any_target_may_be_asked_for(make, family: str):
    n, model = 7, make(7)
    edges = family_edges(family, n, seed=2)
    for source in range(1, n + 1):
        asked = ask(edges, source, [t for t in range(1, n + 1) if t != source], n)
        errors = predict(model, asked.tokens) - asked.distances
        assert np.abs(errors).max() < 1e-4, source


def test_the_wide_circuit_has_the_shape_of_the_study():
    for n in (3, 8, 15):
        a = wide_architecture(n)
        assert (a.width, a.layers, a.heads) == (4 * n + 2, n, n + 1)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-6, 1e-10])
def test_no_answer_of_the_wide_circuit_is_farther_off_than_the_tolerance(tolerance: float):
    n = 9
    model = wide_circuit(n, tolerance, torch.float64)
    for family in FAMILIES:
        asked = ask(family_edges(family, n, seed=1), 4, [1, 2, 3, 5, 9], n)
        assert np.abs(answers(model, asked.tokens) - asked.distances).max() <= tolerance + 1e-12


def test_a_sharpness_that_does_not_grow_with_n_fails(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wide_module, "sharpness", lambda n, tolerance: 6.0)
    asked = ask([(v, v + 1) for v in range(1, 12)], 1, list(range(2, 13)), 12)
    assert np.abs(predict(wide_circuit(12), asked.tokens) - asked.distances).max() > 0.5


@pytest.mark.parametrize(
    "n", [2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 32, 33, pytest.param(64, marks=pytest.mark.slow)]
)
def test_twice_the_logarithm_of_n_layers_tell_every_distance(n: int):
    """The theorem of the module, on paths, where every distance occurs, and on two of them."""
    assert doubling_architecture(n).layers == 2 * ceil(log2(n))
    model = doubling_circuit(n)
    for family in ("path", "two paths"):
        edges = family_edges(family, n, seed=n)
        asked = ask(edges, n // 2 + 1, [t for t in range(1, n + 1) if t != n // 2 + 1], n)
        if family == "path":
            first = ask([(v, v + 1) for v in range(1, n)], 1, list(range(2, n + 1)), n)
            assert answers(model, first.tokens).round().tolist() == list(range(1, n))
        assert answers(model, asked.tokens).round().tolist() == asked.distances.tolist()


def test_edges_in_any_order_and_number_change_nothing():
    once = ask([(1, 3), (3, 4), (2, 4)], 1, [2], 6)
    often = ask([(2, 4), (3, 4), (1, 3), (3, 4), (1, 3)] * 3, 1, [2], 6)
    for make in (wide_circuit, doubling_circuit):
        model = make(6)
        assert predict(model, once.tokens) == pytest.approx(3, abs=1e-5)
        assert predict(model, often.tokens) == pytest.approx(3, abs=1e-5)
