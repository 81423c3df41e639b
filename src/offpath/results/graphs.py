"""Graphs with a question, and where their vertices lie in a drawing."""

from offpath.results.rows import Row


class DrawnGraph(Row):
    """A graph with one question, and where its vertices lie in a drawing."""

    vertices: int  # how many
    edges: list[tuple[int, int]]  # pairs of vertices, counted from 1
    target: int  # the vertex asked for
    distance: int  # from vertex 1 to the target
    positions: list[tuple[float, float]]  # of each vertex, 0 to 1 across and up
