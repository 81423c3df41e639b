"""Strata and other slices of the examples: name, title, meaning and colour, declared once.

A score pooled over a distribution mixes easy and hard questions; each score is given by slice too.
"""

from typing import NamedTuple

from offpath.networks import Colour

ANY_TARGET = "test_e"  # the distribution that asks for any vertex: every stratum occurs in it


class Slice(NamedTuple):
    """Some of the examples of a distribution."""

    by: str
    slice: str
    title: str
    meaning: str
    phrase: str = ""  # the slice as the object of a sentence
    colour: Colour = ("#7b8188", "#8d959e")


POOLED = Slice("pooled", "all", "all", "Every example of the distribution.")

TRAINED = Slice("stratum", "trained", "trained", "The target is vertex 2: the one question of "
                "pre-training.", "target 2", ("#6db9e8", "#a3d5f7"))  # fmt: skip
ON_PATH = Slice("stratum", "on_path", "on path", "The target lies on a shortest path from 1 to 2.",
                "on-path targets", ("#0072b2", "#3f88bf"))  # fmt: skip
OFF_PATH = (
    Slice("stratum", "off_path", "off path", "1 leads both to 2 and to the target, but the target "
          "is on no shortest path from 1 to 2.", "off-path targets", ("#e6a200", "#e8b92e")),
    Slice("stratum", "off_path_cut", "off path, cut", "1 leads to the target but not to 2: "
          "fine-tuning never shows such a graph.", "off-path targets with 2 cut off",
          ("#cf4f00", "#f0763a")),
    Slice("stratum", "unreachable", "unreachable", "The target exists, and no path leads there: "
          "fine-tuning never asks this.", "unreachable targets", ("#b0609a", "#d88fc4")),
    Slice("stratum", "absent", "absent", "The graph has no such vertex.",
          "targets that the graph does not have", ("#7b8188", "#8d959e")),
)  # fmt: skip
STRATA = (TRAINED, ON_PATH, *OFF_PATH)
"""Every example is in one of them, by its target; an example carries the index."""

SEEN = Slice("vertex_id", "on_path, seen", "on path, seen", "The target lies on a shortest path "
             "from 1 to 2, and fine-tuning asks for its vertex id.",
             "on-path targets with vertex ids seen in fine-tuning", ON_PATH.colour)  # fmt: skip
UNSEEN = Slice("vertex_id", "on_path, unseen", "on path, unseen", "The target lies on such a path "
               "too, but fine-tuning never asks for its vertex id.",
               "on-path targets with unseen vertex ids", ("#00855f", "#37c59d"))  # fmt: skip
SPLIT_STRATA = (TRAINED, SEEN, UNSEEN, *OFF_PATH)
"""The strata, with vertex ids seen and unseen in fine-tuning apart on the path."""
HARD = tuple(where._replace(by="hard", phrase=f"hard {where.phrase}") for where in SPLIT_STRATA)
"""The hard part of each: d(1,t) is at least 3, and unlike d(1,2) where the two can differ.

Where there is a path, no rule that looks two edges far, or copies d(1,2), answers such a question
but by guessing.
"""
HEADLINE = (SEEN, UNSEEN, OFF_PATH[0], OFF_PATH[2])
"""The four slices that answer the question of the report, from nearest to farthest."""
HARD_HEADLINE = (HARD[1], HARD[2], HARD[3], HARD[4])
"""What is shown first: the hard questions with a path, on it and off it."""
NEW = tuple(where._replace(by="new", title=f"{where.title}, new") for where in SPLIT_STRATA)
"""The part of each whose questions, edges and target, no training set holds."""
SAME_DISTANCE = tuple(
    OFF_PATH[0]._replace(by="same_distance", slice=f"off_path, {words}", title=f"off path, {words}",
                         meaning=f"Off the path, d(1,t) {meaning} d(1,2).", phrase="")
    for words, meaning in (("other distance", "differs from"), ("same distance", "is equal to"))
)  # fmt: skip
OTHER_TARGETS = Slice("pooled", "other targets", "all but t = 2", "Every target but vertex 2.")
ISOLATION = (
    Slice("isolated", "isolated", "isolated", "No edge touches the target."),
    Slice("isolated", "connected", "connected", "At least one edge touches the target."),
)


def target_slice(target: int) -> Slice:
    """The on-path questions on one vertex id."""
    return Slice("target", f"on_path, {target}", f"t = {target}", "", "", ON_PATH.colour)


def distance_slice(label: int, max_vertices: int) -> Slice:
    """The examples of one true distance.

    >>> distance_slice(3, 8).title, distance_slice(8, 8).title
    ('3', 'no path')
    """
    return Slice("label", str(label), label_title(label, max_vertices), "")


def label_title(label: int, max_vertices: int) -> str:
    """A true distance as text; the largest label says that there is no path."""
    return "no path" if label == max_vertices else str(label)
