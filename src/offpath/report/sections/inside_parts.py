"""The networks that were looked into, in the order in which they are shown, and their intervals."""

from typing import NamedTuple

from offpath.report.parts import Key, Story, colour
from offpath.results import Inside, InsideNetwork

FIRST = ("pretrained", "circuit", "untrained", "finetuned")
CONTROLS = {"circuit": "the known answer", "untrained": "nothing learned"}


class Looked(NamedTuple):
    """A network that was looked into, and how it is shown."""

    inside: InsideNetwork
    name: str  # for readers
    control: str  # what it shows, if it is a control
    key: Key

    @property
    def title(self) -> str:
        """Its name, and what it shows."""
        return self.key.title

    @property
    def head(self) -> str:
        """The same as the head of a column."""
        return "\n".join(filter(None, (self.name, self.control)))


def looked_into(story: Story, result: Inside) -> list[Looked]:
    """The networks of the result: the first, its two controls, the others."""
    titles = {one.name: one.title for one in story.networks}
    there = {one.checkpoint: one for one in result.networks}
    found = []
    for checkpoint in dict.fromkeys([*(name for name in FIRST if name in there), *there]):
        name, control = titles.get(checkpoint, checkpoint), CONTROLS.get(checkpoint, "")
        shade = colour(checkpoint if checkpoint in titles else "muted")
        title, shape = (f"{name}, {control}", "dashed") if control else (name, "line")
        found.append(Looked(there[checkpoint], name, control, Key(title, shade, shape)))
    return found


def interval(low: float | None, high: float | None) -> str:
    """The two ends of an interval of scores, with two decimals; a dash where there is none."""
    if low is None or high is None:
        return "–"
    return f"{low:.2f}–{high:.2f}".replace("-", "−")
