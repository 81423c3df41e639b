"""Colours of the page: those of networks, rules, strata and true distances, and what they become.

In: the pairs (light, dark) that a page has, and its style sheet. Out: plain colours for a file that
has no style sheet.
"""

import json
import re
from collections.abc import Mapping

import numpy as np

from offpath.networks import Colour
from offpath.report.parts import Spec, property_name
from offpath.report.words import text_asset

STOPS = (
    ("#5b1e8c", "#c9a2ff"),
    ("#2a5fb8", "#7db1ff"),
    ("#0f8688", "#35b5ad"),
    ("#6a9d1f", "#a6d65a"),
    ("#dc9c00", "#f7cf55"),
)
"""True distances from near to far: after viridis, with hues that lie farther apart."""
NO_PATH = ("#9b9da1", "#858c95")
TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                   [0.2119034982, 0.6806995451, 0.1073969566],
                   [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
TO_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                   [1.9779984951, -2.4285922050, 0.4505937099],
                   [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
"""Linear RGB to cone responses, their cube roots to OKLab (Ottosson 2020)."""


def distance_colours(max_vertices: int) -> dict[str, Colour]:
    """The colour of each true distance, by name; that of "no path" is a grey.

    >>> distance_colours(8)["distance-1"]
    ('#5b1e8c', '#c9a2ff')
    """
    made = {}
    for label in range(1, max_vertices):
        place = (len(STOPS) - 1) * (label - 1) / max(1, max_vertices - 2)  # 0 near, the last far
        first = min(int(place), len(STOPS) - 2)
        ends = zip(STOPS[first], STOPS[first + 1], strict=True)
        light, dark = (_mixed(*pair, place - first) for pair in ends)
        made[f"distance-{label}"] = (light, dark)
    return {**made, f"distance-{max_vertices}": NO_PATH}


def plain(spec: Spec, colours: Mapping[str, Colour], *, dark: bool = False) -> Spec:
    """A chart whose colours are written out, for one theme."""
    sheet = text_asset("page.css")
    pairs = dict(re.findall(r"(--[a-z-]+): light-dark\((#[0-9a-f]+, #[0-9a-f]+)\)", sheet))
    known = {name: tuple(pair.split(", ")) for name, pair in pairs.items()}
    known |= {property_name(name): pair for name, pair in colours.items()}
    colour = re.compile(r'"var\((--[a-z0-9-]+)\)"')
    text = colour.sub(lambda one: json.dumps(known[one[1]][dark]) if one[1] in known else one[0],
                      json.dumps(spec))  # fmt: skip
    return json.loads(text)


def _mixed(one: str, other: str, share: float) -> str:
    """A colour between two, in OKLab, where equal steps look equal."""
    lab = (1 - share) * _lab(one) + share * _lab(other)
    linear = np.linalg.solve(TO_LMS, np.linalg.solve(TO_LAB, lab) ** 3).clip(0, 1)
    values = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + bytes(np.rint(255 * values).astype(np.uint8)).hex()


def _lab(colour: str) -> np.ndarray:
    values = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return TO_LAB @ np.cbrt(TO_LMS @ linear)
