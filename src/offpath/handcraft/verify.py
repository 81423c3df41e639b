"""Are the circuits exact? Every small graph, every family of graphs, two precisions, wrong weights.

In: the name of a circuit. Out: one record for each check, with the number of questions and of wrong
answers; networkx is the oracle. A check that could not fail proves nothing, so that single weights
are deleted too: how many deletions make an answer wrong, and how many move none?
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8

from offpath.compute import Compute
from offpath.configs import Architecture, Circuit, InputError
from offpath.data.tokens import check_target
from offpath.fit.transformer import Transformer, predict
from offpath.generalize.intervals import wilson
from offpath.handcraft.circuits import make
from offpath.handcraft.trial_graphs import FAMILIES, Edges, family_edges, oracle_distances
from offpath.run.files import Record

ALL_GRAPHS = 6  # vertices of the graphs of which every one is tried: 2^15
DELETION_QUESTIONS = 1500  # of the small graphs, and as many of the families
NOT_A_NUMBER = 1e9  # what an answer that is none counts as
NO_EFFECT = 1e-3  # an answer that moves less is the same but for rounding and layer norm


class Questions(NamedTuple):
    """Questions with the oracle's answers."""

    tokens: UInt8[np.ndarray, "example token 2"]
    distances: Int64[np.ndarray, " example"]


class Plan(NamedTuple):
    """How a circuit is put to the test."""

    largest: int  # vertices of a graph
    graphs: int  # of each family and size
    targets: int  # asked for in each graph, the farthest first
    deletion_vertices: int  # of the circuit that loses weights


PLANS: dict[Circuit, Plan] = {
    "wide": Plan(largest=64, graphs=2, targets=4, deletion_vertices=8),
    "doubling": Plan(largest=64, graphs=2, targets=8, deletion_vertices=8),
    "edge": Plan(largest=15, graphs=10, targets=14, deletion_vertices=15),
}


def verify(
    circuit: Circuit,
    architecture: Architecture,
    compute: Compute,
    *,
    largest: int,
    deletions: int,
    seed: int,
) -> Iterator[Record]:
    """Try a circuit, and yield a record for each check.

    The edge circuit is that of 15 vertices in the given architecture, whatever the graphs.

    A record holds: check, vertices (of the circuit), precision, questions, wrong, mse,
    largest_error, margin (to the nearest wrong rounding); that of the deletions instead: deletions,
    detected, low, high, undetected.
    """
    plan = PLANS[circuit]
    if not 2 <= largest <= plan.largest:
        raise InputError(f"vertices must be 2 to {plan.largest} for {circuit}; got {largest}")
    for name, value in (("deletions", deletions), ("seed", seed)):
        if not 0 <= value < 2**31:
            raise InputError(f"{name} must be 0 to {2**31 - 1}; got {value}")
    tries = [(f"every graph on {ALL_GRAPHS} vertices, targets 2 to {ALL_GRAPHS}", ALL_GRAPHS)]
    tries += [(f"{len(FAMILIES)} families, {n} vertices", n) for n in sizes(circuit, largest)]
    for i, (name, vertices) in enumerate(tries):
        of = plan.largest if circuit == "edge" else vertices
        questions = family_questions(circuit, vertices, seed) if i else every_graph(of)
        for precision in ("float32", "float64"):
            model = make(circuit, of, architecture, double=precision == "float64")
            place = {"check": name, "vertices": of, "precision": precision}
            yield {**place, **check(model.to(compute.device), questions)}
    if deletions:
        model = make(circuit, plan.deletion_vertices, architecture).to(compute.device)
        yield try_deletions(model, circuit, deletions, seed)


def sizes(circuit: Circuit, largest: int) -> list[int]:
    """The numbers of vertices that are tried: all; above 32 of the wide circuit every eighth.

    Its cost grows with the fifth power of n: a second a question at 64.
    """
    return [n for n in range(2, largest + 1) if circuit != "wide" or n <= 32 or n % 8 == 0]


def every_graph(max_vertices: int) -> Questions:
    """Every labelled graph on 6 vertices with the targets 2 to 6: 2^15 times 5 questions."""
    pairs = list(combinations(range(1, ALL_GRAPHS + 1), 2))
    targets = range(2, ALL_GRAPHS + 1)
    return _joined([
        ask([pair for i, pair in enumerate(pairs) if bits >> i & 1], 1, targets, max_vertices)
        for bits in range(2 ** len(pairs))
    ])  # fmt: skip


def family_questions(circuit: Circuit, vertices: int, seed: int) -> Questions:
    """Graphs of every family with so many vertices, asked for several or all targets.

    For the edge circuit the first 15 edges, which is all that its input holds, and every target,
    absent ones too, from vertex 1; for the others all edges, a random source, and of many targets
    the farthest and random ones.
    """
    edge, plan = circuit == "edge", PLANS[circuit]
    size, most = (plan.largest, plan.largest) if edge else (vertices, None)
    graphs, targets = plan.graphs, plan.targets
    if circuit == "wide" and vertices > 16:
        graphs, targets = 1, 2 if vertices <= 32 else 1
    generator = np.random.default_rng([seed, vertices])
    parts = []
    for name, number in product(FAMILIES, range(graphs)):
        edges = family_edges(name, vertices, seed + number)[:most]
        source = 1 if edge else int(generator.integers(1, vertices + 1))
        hops = oracle_distances(edges, source, size, no_path=0)
        others = [v for v in range(1, size + 1) if v != source]
        generator.shuffle(others)
        others.sort(key=lambda v: -hops[v - 1])
        parts.append(ask(edges, source, others[:targets], size))
    return _joined(parts)


def ask(edges: Edges, source: int, targets: Sequence[int], max_vertices: int) -> Questions:
    """One graph with a question for each target, and the oracle's answers.

    >>> ask([(1, 3)], 3, [1], max_vertices=3).tokens.tolist()
    [[[1, 3], [0, 3], [1, 4]]]
    """
    for target in targets:
        check_target(target, source, max_vertices)
    distances = oracle_distances(edges, source, max_vertices, max_vertices)
    tokens = np.zeros((len(targets), len(edges) + 2, 2), np.uint8)
    tokens[:, : len(edges)] = np.array(edges, np.uint8).reshape(-1, 2)
    if source != 1:
        tokens[:, -2] = (0, source)
    tokens[:, -1, 0], tokens[:, -1, 1] = targets, max_vertices + 1
    return Questions(tokens, np.array([distances[t - 1] for t in targets], np.int64))


def check(model: Transformer, questions: Questions) -> Record:
    """How a model answers: questions, wrong, mse, largest_error, margin."""
    errors = np.abs(answers(model, questions.tokens) - questions.distances)
    largest = float(errors.max())
    return {"questions": len(errors), "wrong": int((errors >= 0.5).sum()),
            "mse": float((errors**2).mean()), "largest_error": largest,
            "margin": 0.5 - largest}  # fmt: skip


def answers(
    model: Transformer, tokens: UInt8[np.ndarray, "example token 2"]
) -> Float[np.ndarray, " example"]:
    """A model's answers in float64; a very large number stands for one that is none."""
    return np.nan_to_num(predict(model, tokens).astype(float), nan=NOT_A_NUMBER)


def _joined(parts: Sequence[Questions]) -> Questions:
    length = max(part.tokens.shape[1] for part in parts)
    padded = [np.pad(p.tokens, ((0, 0), (length - p.tokens.shape[1], 0), (0, 0))) for p in parts]
    return Questions(np.concatenate(padded), np.concatenate([p.distances for p in parts]))


def try_deletions(model: Transformer, circuit: Circuit, deletions: int, seed: int) -> Record:
    """Set single non-zero weights to 0, one at a time, and see whether any answer goes wrong."""
    n, generator = model.max_vertices, np.random.default_rng(seed)
    small = every_graph(n)
    vertices = range(2, n + 1) if circuit == "edge" else [n] * 8
    families = [family_questions(circuit, size, seed + i) for i, size in enumerate(vertices)]
    pool, first = _joined([small, *families]), len(small.distances)
    picked = [generator.permutation(np.arange(start, end))[:DELETION_QUESTIONS]
              for start, end in ((0, first), (first, len(pool.distances)))]  # fmt: skip
    chosen = generator.permutation(np.concatenate(picked))
    questions = Questions(pool.tokens[chosen], pool.distances[chosen])
    places = [(name, index) for name, p in model.named_parameters()
              for index in p.detach().flatten().nonzero().flatten().tolist()]  # fmt: skip
    lost = generator.choice(len(places), min(deletions, len(places)), replace=False)
    before = answers(model, questions.tokens)
    rows = [_delete(model, questions, before, *places[i]) for i in sorted(lost.tolist())]
    detected = sum(row["detected"] for row in rows)
    low, high = wilson(detected, len(rows))
    return {"check": "one weight deleted", "vertices": n, "precision": "float32",
            "questions": len(questions.distances), "deletions": len(rows), "detected": detected,
            "low": low, "high": high,
            "no_effect": sum(row["largest_change"] < NO_EFFECT for row in rows),
            "undetected": [row for row in rows if not row["detected"]]}  # fmt: skip


@torch.no_grad()
def _delete(
    model: Transformer, questions: Questions, before: np.ndarray, name: str, index: int
) -> Record:
    """One weight set to 0 and back: is any answer wrong then, and how far did answers move?

    The questions are asked by hundreds until an answer is wrong.
    """
    weight = model.get_parameter(name)
    flat = weight.view(-1)
    value = flat[index].item()
    flat[index] = 0
    detected, change = False, 0.0
    for part in np.array_split(np.arange(len(before)), max(1, len(before) // 500)):
        now = answers(model, questions.tokens[part])
        change = max(change, float(np.abs(now - before[part]).max()))
        if detected := bool((np.abs(now - questions.distances[part]) >= 0.5).any()):
            break
    flat[index] = value
    place = [int(i) for i in np.unravel_index(index, weight.shape)]
    return {"parameter": name, "place": place, "value": value, "detected": detected,
            "largest_change": change}  # fmt: skip


def as_line(record: Record) -> str:
    """A check as one line of text."""
    head = f"{record['precision']}  {record['check']}"
    if "deletions" in record:
        line = "{}: {detected} of {deletions} make an answer wrong, {no_effect} change none "
        return (line + "({questions:,} questions)").format(head, **record)
    line = "{:<56} {wrong} of {questions:,} wrong, MSE {mse:.1e}, largest error {largest_error:.1e}"
    return line.format(head, **record)


def summary(records: Sequence[Record]) -> str:
    """All checks in two lines, one for each precision."""
    lines = []
    for precision in ("float32", "float64"):
        asked = [r for r in records if r["precision"] == precision and "wrong" in r]
        wrong, questions = sum(r["wrong"] for r in asked), sum(r["questions"] for r in asked)
        mse = sum(r["mse"] * r["questions"] for r in asked) / questions
        worst = max(r["largest_error"] for r in asked)
        line = f"{precision}: {wrong} errors in {questions:,} answers; MSE {mse:.1e}, "
        line += f"largest error {worst:.1e}, margin to a wrong rounding {0.5 - worst:.4f}"
        lines.append(line)
    return "\n".join(lines)
