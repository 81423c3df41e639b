"""Graphs with a question, drawn: real examples of every distribution."""

from offpath.results.rows import Result, Row


class DrawnGraph(Row):
    """A graph with one question, and where its vertices lie in a drawing."""

    vertices: int  # how many
    edges: list[tuple[int, int]]  # pairs of vertices, counted from 1
    target: int  # the vertex asked for
    distance: int  # from vertex 1 to the target
    positions: list[tuple[float, float]]  # of each vertex, 0 to 1 across and up


class Example(DrawnGraph):
    """An example of a frozen evaluation set; its edges as drawn, repeated ones stay."""

    index: int  # in the set, from 0
    distance_to_2: int  # from vertex 1 to vertex 2; `max_vertices` is "no path"
    stratum: str  # of the target
    path: list[int]  # vertices of a shortest path from 1 to the target; empty if there is none
    path_to_2: list[int]  # of a shortest path from 1 to 2, through the target where one is


class WorldExamples(Row):
    """The examples of one distribution, one for each stratum that occurs in it."""

    world: str  # name of the distribution
    title: str  # its name for readers
    examples: list[Example]  # in the order of the strata


class Examples(Result):
    """Examples of every distribution, chosen by a rule and not by their looks."""

    file, title, verb = "examples", "the examples of the task", "evaluate"
    rule: str  # by which they are chosen, in words
    worlds: list[WorldExamples]  # one for each distribution

    def example(self, world: str, *strata: str) -> Example | None:
        """The example of the first of these strata that the distribution has, or else any."""
        there = {e.stratum: e for one in self.worlds if one.world == world for e in one.examples}
        wanted = (there[stratum] for stratum in (*strata, *there) if stratum in there)
        return next(wanted, None)
