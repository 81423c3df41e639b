from hashlib import sha256
from itertools import islice

import numpy as np
import pytest

from benchmarks.plain_sampler import WORLDS
from offpath.configs import InputError
from offpath.data.batches import draw, frozen, joined, stream
from offpath.data.worlds import world, worlds
from offpath.recipes import laptop, paper

LAPTOP = worlds(laptop().graphs)


def same(one, other) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True) if a is not None)


def test_a_stream_resumes_at_any_step():
    batches = list(islice(stream(LAPTOP["pretraining"], 1, 64), 5))
    again = next(stream(LAPTOP["pretraining"], 1, 64, first_step=3))
    assert same(batches[3], again)
    assert same(batches[3], draw(LAPTOP["pretraining"], 1, 3 * 64, 64))


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_the_shares_of_all_ranks_are_the_batch_of_one_process(ranks: int):
    world = LAPTOP["finetuning"]
    whole = draw(world, 2, 7 * 50, 50)
    shares = [next(stream(world, 2, 50, 7, rank=r, ranks=ranks)) for r in range(ranks)]
    assert same(whole, joined(shares))


# A change of these digests is a change of every published result: say so in the change log. A new
# world adds to none.
DIGESTS = {"laptop": "558749f1f3c4e191", "paper": "14eaa7a9f8e32f93"}


@pytest.mark.parametrize("recipe", [laptop, paper])
def test_frozen_sets_are_the_same_on_every_machine(recipe):
    known = worlds(recipe().graphs)
    sums = [frozen(known[name], 0, 2000)[1] for name in WORLDS]
    assert sha256("".join(sums).encode()).hexdigest()[:16] == DIGESTS[recipe.__name__]
    assert len({w.number for w in known.values()}) == len(known)


@pytest.mark.parametrize("name", LAPTOP)
def test_frozen_sets_are_other_examples_than_training(name: str):
    frozen_set, digest = frozen(LAPTOP[name], 0, 5000)
    training = draw(LAPTOP[name], 0, 0, 5000)
    same_question = (frozen_set.tokens == training.tokens).all((1, 2)).mean()
    shuffled = (frozen_set.tokens == training.tokens[::-1]).all((1, 2)).mean()
    assert abs(same_question - shuffled) < 0.02  # as often alike as by chance: graphs are small
    assert digest != frozen(LAPTOP[name], 1, 5000)[1]


def test_the_trillionth_example_comes_as_directly_as_the_first():
    world = LAPTOP["pretraining"]
    far = draw(world, 0, 10**12, 3)
    assert same(far.take(slice(1, None)), draw(world, 0, 10**12 + 1, 2))


def test_an_unknown_world_is_named_with_the_known_ones():
    with pytest.raises(
        InputError, match=r"world must be one of pretraining, .*test_e.*; got 'test_f'"
    ):
        world("test_f", laptop().graphs)


@pytest.mark.parametrize(("start", "count", "seed"), [(-1, 1, 0), (0, -1, 0), (0, 1, -1)])
def test_negative_places_in_a_stream_are_refused(start: int, count: int, seed: int):
    with pytest.raises(ValueError, match=r"must be (at least 0|0 to 2\*\*63 - 1); got"):
        draw(LAPTOP["test_a"], seed, start, count)
