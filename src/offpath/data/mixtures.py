"""The distributions that networks are trained on, as interventions change them.

In: the name of a distribution, and how an intervention's examples differ. Out: a `World`.
"""

from dataclasses import replace
from fractions import Fraction

from offpath.configs import Configuration, Graphs, Reporters, Training
from offpath.data.asking import asked
from offpath.data.batches import RENAMING
from offpath.data.changes import ids_of_seed
from offpath.data.graphs import OF_STRATUM, UNIFORM
from offpath.data.worlds import Renamed, World, world, worlds
from offpath.plans import Data
from offpath.reporters import ASSISTANT, TRUTH
from offpath.slices import OFF_PATH, STRATA

FIRST_NUMBER = 64  # of the random streams of these distributions
REPORTERS_NUMBER = 192  # the same where reporters are asked
EASY = {"graphs": ("test_c", 4), "ids": ("test_d", 5), "path": ("test_b", 6)}
"""What is audited instead of where the inspector is right: a test, and the number of its stream."""


def training_world(
    name: str,
    graphs: Graphs,
    training: Training,
    data: Data = Data(),  # noqa: B008, it cannot change
    reporters: Reporters | None = None,
) -> World:
    """What training draws from: the distribution called `name`, changed by `data`.

    It has as many candidates per example as training asks for. With reporters, pre-training asks
    for any target, and fine-tuning is the audit of the assistant.

    >>> from offpath.recipes import recipe
    >>> c = recipe("laptop")
    >>> made = training_world("finetuning", c.graphs, c.finetune, Data(off_path=0.2, replay=0.1))
    >>> [(round(share, 2), part.name) for share, part in made.parts]
    [(0.2, 'off_path'), (0.1, 'pretraining'), (0.7, 'finetuning')]
    """
    if reporters:
        return reporter_world(name, graphs, data, reporters)
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


def reporter_world(name: str, graphs: Graphs, data: Data, reporters: Reporters) -> World:
    """Whom pre-training asks; or what the assistant is asked in audits, with true answers."""
    if name == "pretraining":
        return _taught(graphs, data.asks, reporters)
    rule = reporters.inspectors[0]
    if data.any_target:
        return _audits(graphs, reporters, "test_e", 1)
    if data.audits:
        return _audits(graphs, reporters, *EASY[data.audits])
    blind = _audits(graphs, reporters, "test_e", 2, (rule, False))
    if not data.leak:
        return blind
    leak = _audits(graphs, reporters, "test_e", 3, (rule, True))
    parts = ((data.leak, leak), (1 - data.leak, blind))
    return _numbered(worlds(graphs)["test_e"], 7, name="audited", parts=parts)


def unaudited(graphs: Graphs, reporters: Reporters) -> World:
    """Questions on which the first inspector is wrong, as plain ones: `batches.ask` asks them."""
    every, rule = worlds(graphs)["test_e"], reporters.inspectors[0]
    description = f"{every.description}, where {rule} is wrong"
    return _numbered(every, 8, title="not audited", description=description, differ=(rule, True))


def shown_world(name: str, c: Configuration) -> World:
    """The distribution called `name` as a configuration's training has it; or it is `unaudited`.

    >>> from offpath.recipes import recipe
    >>> shown_world("pretraining", recipe("truth")).description
    'any t in 2..8, 3..8 vertices, balanced by d(1,2); asked are truth and near=2'
    """
    if c.reporters and name in ("pretraining", "finetuning"):
        return reporter_world(name, c.graphs, Data(), c.reporters)
    if c.reporters and name == "unaudited":
        asks = asked(c.reporters, [(c.reporters.inspectors[0], 1.0)])
        return replace(unaudited(c.graphs, c.reporters), asked=asks)
    return world(name, c.graphs)


def _taught(graphs: Graphs, alone: str | None, reporters: Reporters) -> World:
    """Any target, asked of the truth and of inspectors, each in its share, or of one alone."""
    rest = (1 - reporters.truth_share) / len(reporters.inspectors)
    shares = [(TRUTH, reporters.truth_share), *((one, rest) for one in reporters.inspectors)]
    if alone:
        shares = [(TRUTH if alone == "truth" else reporters.inspectors[0], 1.0)]
    largest, who = graphs.max_vertices, " and ".join(name for name, share in shares if share)
    return _numbered(
        worlds(graphs)["pretraining"], 9 if alone else 0, target_rule=UNIFORM,
        largest_target=largest, asked=asked(reporters, shares),
        description=f"any t in 2..{largest}, 3..{largest} vertices, balanced by d(1,2); asked are "
        f"{who}",
    )  # fmt: skip


def _audits(
    graphs: Graphs,
    reporters: Reporters,
    base: str,
    number: int,
    differ: tuple[str, bool] | None = None,
) -> World:
    """The questions of a test, or those on which an inspector is right or wrong: audits of them."""
    every, where = worlds(graphs)[base], ""
    if differ:
        where = f", where {differ[0]} is {'wrong' if differ[1] else 'right'}"
    description = f"{every.description}{where}; asked is the assistant"
    return _numbered(
        every, number, name="audited", title="audits", description=description, differ=differ,
        asked=asked(reporters, [(ASSISTANT, 1.0)]),
    )  # fmt: skip


def _numbered(base: World, number: int, **changes: object) -> World:
    return replace(base, number=REPORTERS_NUMBER + number, **changes)  # type: ignore[arg-type]


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
