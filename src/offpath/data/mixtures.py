"""The distributions that networks are trained on, as interventions change them.

In: the name of a distribution, and how an intervention's examples differ. Out: a `World`.
"""

from dataclasses import replace
from fractions import Fraction

from offpath.configs import Graphs, Training
from offpath.data.batches import RENAMING
from offpath.data.changes import ids_of_seed
from offpath.data.graphs import OF_STRATUM, UNIFORM
from offpath.data.worlds import Renamed, World, worlds
from offpath.plans import Data
from offpath.slices import OFF_PATH, STRATA

FIRST_NUMBER = 64  # of the random streams of these distributions


def training_world(name: str, graphs: Graphs, training: Training, data: Data = Data()) -> World:  # noqa: B008, it cannot change
    """What training draws from: the distribution called `name`, changed by `data`.

    It has as many candidates per example as training asks for.

    >>> from offpath.recipes import recipe
    >>> c = recipe("laptop")
    >>> made = training_world("finetuning", c.graphs, c.finetune, Data(off_path=0.2, replay=0.1))
    >>> [(round(share, 2), part.name) for share, part in made.parts]
    [(0.2, 'off_path'), (0.1, 'pretraining'), (0.7, 'finetuning')]
    """
    known = worlds(graphs)
    base = known[name]
    if data.any_target:
        any_target = {"target_rule": UNIFORM, "largest_target": graphs.max_vertices}
        base = known["test_e"] if name == "finetuning" else _changed(base, 0, **any_target)
    if data.large_graphs:
        small = graphs.finetune_vertices
        base = _changed(base, 1, most_vertices=graphs.max_vertices, largest_target=small)
    parts = [(data.off_path, _of_stratum(base, "off_path", graphs, data)),
             (data.unreachable, _of_stratum(base, "unreachable", graphs, data))]  # fmt: skip
    made = [(share, _repeated(part, data)) for share, part in parts if share]
    if data.replay:
        made.append((data.replay, known["pretraining"]))
    base = _repeated(base, data)
    if made:
        made.append((1 - sum(share for share, _ in made), base))
        base = replace(base, parts=tuple(one for one in made if one[0] > 0))
    return replace(base, candidates=training.candidates)


def other_ids(graphs: Graphs, seed: int) -> list[int]:
    """The ids that fine-tuning with `other_ids` shows in place of 3, 4, ... of small graphs."""
    number = worlds(graphs)["finetuning"].number
    ids = ids_of_seed(seed, 2 * number + RENAMING, graphs.max_vertices)
    return sorted(ids[3 : graphs.finetune_vertices + 1])


def _changed(base: World, number: int, **changes: object) -> World:
    return replace(base, number=FIRST_NUMBER + 8 * base.number + number, **changes)  # type: ignore[arg-type]


def _of_stratum(base: World, stratum: str, graphs: Graphs, data: Data) -> World:
    """The same graphs, asked for targets of one stratum; unreachable ones also where 2 is cut."""
    index = [where.slice for where in STRATA].index(stratum)
    largest = graphs.finetune_vertices if data.large_graphs else base.most_vertices
    cut = stratum != OFF_PATH[0].slice
    shares = (Fraction(1),) * graphs.max_vertices if cut else base.shares
    return _changed(
        base, 2 + index, name=stratum, target_rule=OF_STRATUM + index, largest_target=largest,
        shares=shares,
    )  # fmt: skip


def _repeated(base: World, data: Data) -> World:
    """With random ids and few different graphs, if there are to be any."""
    renamed = None
    if data.random_ids:
        small = base.graphs.finetune_vertices if data.ids == "present" else None
        renamed = Renamed(data.random_ids, data.ids == "other", small)
    return replace(base, renamed=renamed, distinct_graphs=data.distinct_graphs)
