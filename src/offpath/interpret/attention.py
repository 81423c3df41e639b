"""What each head looks at: shares of attention by kind of token, beside those of even attention.

In: a transformer over edge tokens, and questions. Out: a row for each head, with a name where it
passes a threshold. Costs one recorded pass: 0.3 s for 2,000 questions of 8 vertices.

Each kind of keys is a rule for a pair of tokens, the query that looks and the key that is looked
at. A repeated edge is as many tokens; padding is none.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from offpath import results
from offpath.errors import InputError
from offpath.fit.transformer import Transformer
from offpath.interpret.activations import chunks, record
from offpath.interpret.questions import Hops, Questions
from offpath.results.inside import ProbeToken

Pairs = Bool[np.ndarray, "example token token"]

KEYS = {
    "itself": "the query itself, and edges equal to it",
    "first, first": "other edges, whose first endpoint is the first of the query",
    "first, second": "edges whose second endpoint is the first of the query",
    "second, first": "edges whose first endpoint is the second of the query",
    "second, second": "other edges, whose second endpoint is the second of the query",
    "others": "edges that share no endpoint with the query",
    "question": "the question",
    "first end": "all that holds the first endpoint of the query, itself and the question included",
    "second end": "all that holds its second endpoint, itself and the question included",
    "any end": "all that holds an endpoint of the query, itself and the question included",
    "nearer to 1": "other edges that share an endpoint, and whose nearer end is nearer to 1",
    "nearer to t": "other edges that share an endpoint, and whose nearer end is nearer to t",
    "touches t": "edges that touch t",
    "touches 1": "edges that touch 1",
    "touches 2": "edges that touch 2",
    "path": "edges on a shortest path from 1 to t",
}
"""The kinds of keys; the endpoint of the question is t. Kinds overlap, `PARTS` do not."""

PARTS: dict[ProbeToken, tuple[str, ...]] = {
    "edge": ("itself", "first, first", "first, second", "second, first", "second, second",
             "others", "question"),
    "question": ("itself", "touches t", "others"),
}  # fmt: skip
"""Kinds into which all tokens fall, each into one."""

KINDS: dict[ProbeToken, tuple[str, ...]] = {
    "edge": (*PARTS["edge"], "first end", "second end", "any end", "nearer to 1", "nearer to t"),
    "question": (*PARTS["question"], "first end", "touches 1", "touches 2", "path"),
}
"""The kinds that are measured of a query."""

ROWS: dict[ProbeToken, slice] = {"edge": slice(-1), "question": slice(-1, None)}
"""Which tokens of an example the queries of a kind are."""

NAMES: dict[ProbeToken, dict[str, str]] = {
    "edge": {
        "itself": "itself", "question": "to the question",
        **{key: key for key in ("first, first", "first, second", "second, first",
                                "second, second", "nearer to 1", "nearer to t",
                                "first end", "second end")},
        "any end": "neighbours",
    },
    "question": {
        "itself": "question to itself", "touches 1": "reads 1", "touches 2": "reads 2",
        "path": "reads the path", "first end": "reads t",
    },
}  # fmt: skip
"""Names of heads by the kind of keys that they look at, narrow kinds before wide ones."""
EVEN: dict[ProbeToken, str] = {"edge": "even", "question": "question even"}
THRESHOLDS = {
    "lift": 0.5,  # least of a name: (share - even) / (most - even)
    "of_best": 0.9,  # of the largest lift: the narrowest kind with so much gives the name
    "even_entropy": 0.95,  # least of the name "even"
}


class Sums(NamedTuple):
    """Sums over the queries of a kind."""

    shares: Float64[np.ndarray, "layer head key"]  # of attention
    entropy: Float64[np.ndarray, "layer head"]  # divided by that of even attention
    even: Float64[np.ndarray, " key"]  # shares of even attention
    most: Float64[np.ndarray, " key"]  # queries that have such keys
    queries: int
    choosing: int  # queries with at least two keys: the others have no entropy


def heads(model: Transformer, q: Questions) -> list[results.Head]:
    """What each head looks at, layer by layer.

    A network over vertex tokens has no edge tokens to look from, and is refused.
    """
    a = model.architecture
    if a.tokens != "edges":
        raise InputError(
            f"attention is measured from edge tokens; this network has {a.tokens} as tokens: "
            "leave it out"
        )
    if not q.edges.any():
        raise InputError("questions must have at least 1 edge between them; got none: draw others")
    parts = [_sums(model, Questions(q.batch.take(places)._replace(tokens=tokens),
                                      q.from_source[places], q.from_target[places]))
             for places, tokens in chunks(model, q.batch.tokens)]  # fmt: skip
    whole: dict[ProbeToken, Sums] = {}
    for query in ROWS:
        columns = zip(*(part[query] for part in parts), strict=True)
        whole[query] = Sums(*(np.sum(column, axis=0) for column in columns))
    return [_head(whole, layer, head) for layer in range(a.layers) for head in range(a.heads)]


def share_of(head: results.Head, query: ProbeToken, key: str) -> results.AttentionShare:
    """One of the shares of a head."""
    return next(one for one in head.shares if (one.query, one.key) == (query, key))


def keys(q: Questions) -> dict[str, Pairs]:
    """For each kind, whether a query (second axis) has a key (third): padding is neither."""
    tokens = q.batch.tokens.astype(np.int64)
    real = tokens[:, :, 1] != 0
    is_question = np.arange(tokens.shape[1]) == tokens.shape[1] - 1
    edge = (real & ~is_question)[:, None]  # (example, 1, key)
    ends = {"first": tokens[:, :, 0], "second": tokens[:, :, 1]}

    def equal(of_query: str, of_key: str) -> Pairs:
        return ends[of_query][:, :, None] == ends[of_key][:, None, :]

    itself = equal("first", "first") & equal("second", "second")
    pairs = {f"{one}, {two}": equal(one, two) & edge & ~itself for one in ends for two in ends}
    shared = np.any(list(pairs.values()), axis=0)
    # The question's second entry is no vertex: of the two, t alone can be an end of an edge.
    hold = {f"{one} end": equal(one, "first") | equal(one, "second") for one in ends}
    near = {name: _nearer_end(q, hops) for name, hops in (("1", q.from_source),
                                                          ("t", q.from_target))}  # fmt: skip
    touched = {"t": q.targets[:, None], "1": 1, "2": 2}
    made = {
        "itself": itself, **pairs, "others": edge & ~shared & ~itself,
        "question": is_question, **hold, "any end": hold["first end"] | hold["second end"],
        **{f"nearer to {name}": shared & (hops[:, None] < hops[:, :, None])
           for name, hops in near.items()},
        **{f"touches {name}": edge & ((tokens == np.expand_dims(vertex, -1)).any(2))[:, None]
           for name, vertex in touched.items()},
        "path": np.pad(q.on_path, ((0, 0), (0, 1)))[:, None],
    }  # fmt: skip
    return {name: mask & real[:, :, None] for name, mask in made.items()}


def _nearer_end(q: Questions, hops: Hops) -> Int64[np.ndarray, "example token"]:
    """Hops of the nearer end of each edge; the question, which is last, has none."""
    return np.pad(q.at_ends(hops).min(2), ((0, 0), (0, 1)))


def _sums(model: Transformer, q: Questions) -> dict[ProbeToken, Sums]:
    """The sums over all queries of a part of the questions."""
    masks, weights = keys(q), record(model, q.batch.tokens).attention
    real = torch.from_numpy(q.batch.tokens[:, :, 1] != 0)
    made: dict[ProbeToken, Sums] = {}
    for query, rows in ROWS.items():
        asks = real[:, rows]
        tokens = real.sum(1)[:, None].expand(asks.shape)[asks].double()  # of its example
        kinds = [torch.from_numpy(masks[key])[:, rows][asks] for key in KINDS[query]]
        has = torch.stack(kinds, 2).double()  # (query, key, kind)
        shares, entropy = [], []
        for weight in weights:  # (example, head, query, key)
            own = weight.cpu().transpose(0, 1)[:, :, rows][:, asks].double()  # (head, query, key)
            shares.append(own.flatten(1) @ has.flatten(0, 1))
            relative = torch.special.entr(own).sum(2) / tokens.log()
            entropy.append(relative[:, tokens > 1].sum(1))
        made[query] = Sums(
            torch.stack(shares).numpy(), torch.stack(entropy).numpy(),
            (has.sum(1) / tokens[:, None]).sum(0).numpy(), has.any(1).sum(0).numpy(),
            len(tokens), int((tokens > 1).sum()),
        )  # fmt: skip
    return made


def _head(whole: dict[ProbeToken, Sums], layer: int, head: int) -> results.Head:
    """The row of one head; layers and heads are counted from 0 here."""
    shares, entropy = [], {}
    for query, sums in whole.items():
        columns = (sums.shares[layer, head], sums.even, sums.most)
        for key, *numbers in zip(KINDS[query], *columns, strict=True):
            share, even, most = (float(number) / sums.queries for number in numbers)
            shares.append(results.AttentionShare(query=query, key=key, share=share, even=even,
                                                 most=most))  # fmt: skip
        entropy[query] = float(sums.entropy[layer, head]) / sums.choosing
    return results.Head(
        layer=layer + 1, head=head + 1, shares=shares, edge_entropy=entropy["edge"],
        question_entropy=entropy["question"], names=_names(shares, entropy),
    )  # fmt: skip


def _names(shares: list[results.AttentionShare], entropy: dict[ProbeToken, float]) -> list[str]:
    """At most one name for what edge tokens look at, and one for what the question looks at."""
    lifts, made = {(one.query, one.key): one.lift for one in shares}, []
    for query, names in NAMES.items():
        best = max(lifts[query, key] for key in names)
        least = max(THRESHOLDS["lift"], THRESHOLDS["of_best"] * best)
        passed = [name for key, name in names.items() if lifts[query, key] >= least]
        even = [EVEN[query]] if entropy[query] >= THRESHOLDS["even_entropy"] else []
        made += (passed or even)[:1]
    return made
