"""The answer to the most similar question of fine-tuning: what memory without a skill would say.

In: the questions that fine-tuning shows, each once, up to 2^14 of its first 2^20. Similar is what
has the same target, then what differs in the fewest edges; of equal ones the first. Costs a
nanosecond for each pair of questions.
"""

from typing import NamedTuple, no_type_check

import numba
import numpy as np
from jaxtyping import Float, UInt8, UInt64
from numba import types
from numba.extending import intrinsic

from offpath.configs import Configuration
from offpath.data.batches import Batch, joined
from offpath.data.contents import contents
from offpath.generalize.overlap import training_sets

MOST_QUESTIONS = 2**14  # of fine-tuning: more different ones are not looked through
MOST_DRAWN = 2**20
Edges = UInt64[np.ndarray, "example word"]


class Questions(NamedTuple):
    """Different questions with their answers."""

    edges: Edges  # the set of edges, a bit for each pair of vertices
    target: UInt8[np.ndarray, " example"]
    distance: UInt8[np.ndarray, " example"]


def finetuning_questions(c: Configuration, threads: int = 1) -> Questions | None:
    """What fine-tuning shows, each question once; None where nothing is fine-tuned."""
    known = [one for one in training_sets(c) if one.world == "finetuning"]
    if not known:
        return None
    first = known[0]._replace(examples=min(known[0].examples, MOST_DRAWN))
    batches = list(first.batches(threads))
    whole = joined(batches)
    _, places = np.unique(contents(whole).question, return_index=True)
    chosen = np.sort(places)[:MOST_QUESTIONS]
    return _questions(whole.take(chosen))


def nearest_answers(batch: Batch, known: Questions) -> Float[np.ndarray, " example"]:
    """For each example the answer to the question of `known` that is most like it."""
    asked = _questions(batch)
    found = np.empty(len(batch.distance))
    _nearest(asked.edges, asked.target, known.edges, known.target, known.distance, found)
    return found


def _questions(batch: Batch) -> Questions:
    largest = batch.no_path
    words = np.zeros((len(batch.tokens), (largest * largest + 63) // 64), np.uint64)
    every = np.arange(len(words))
    for edge in batch.tokens[:, :-1].astype(np.int64).swapaxes(0, 1):
        there = edge[:, 0] != 0
        pair = (edge[there, 0] - 1) * largest + edge[there, 1] - 1
        words[every[there], pair // 64] |= np.uint64(1) << (pair % 64).astype(np.uint64)
    return Questions(words, batch.tokens[:, -1, 0].copy(), batch.distance)


@numba.njit(cache=True, nogil=True)
@no_type_check
def _nearest(
    edges: Edges, target: np.ndarray, known: Edges, known_target: np.ndarray,
    known_distance: np.ndarray, found: np.ndarray,
) -> None:  # fmt: skip
    for example in range(len(edges)):
        least = np.int64(2**40)
        for other in range(len(known)):
            apart = np.int64(0 if target[example] == known_target[other] else 2**20)
            for word in range(edges.shape[1]):
                apart += np.int64(bit_count(edges[example, word] ^ known[other, word]))
            if apart < least:
                least, found[example] = apart, known_distance[other]


@intrinsic
@no_type_check
def bit_count(_context: object, mask: types.Type) -> tuple[object, object]:
    """Number of bits set in a mask: an instruction that numba lacks."""
    signature = types.uint64(types.uint64)
    return signature, lambda _c, builder, _s, masks: builder.ctpop(masks[0])
