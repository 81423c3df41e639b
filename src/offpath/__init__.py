"""A network learned a skill on part of the world; where, outside that part, does it still hold?

The stages, in the order of the data: `data`, `fit`, `generalize`, `report`. `offpath.pipeline` is
the whole experiment as one function: read it first.
"""

__version__ = "0.2.0"
