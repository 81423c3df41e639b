"""What every record of a result file is: checked, frozen, without NaN."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, PlainSerializer

Rounded = Annotated[float, PlainSerializer(lambda number: float(f"{number:.4g}"))]
"""A number that is written with four significant digits."""


class Row(BaseModel):
    """A record that cannot change, without unknown fields, NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Result(Row):
    """A result file: one subclass per file, with the verb of the command line that makes it."""

    file: ClassVar[str]
    title: ClassVar[str]
    verb: ClassVar[str]
    lines: ClassVar[bool] = True  # a field a line; False: all in one, for files of many records
