"""What every record of a result file is: checked, frozen, without NaN."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Row(BaseModel):
    """A record that cannot change, without unknown fields, NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Result(Row):
    """A result file: one subclass per file, with the verb of the command line that makes it."""

    file: ClassVar[str]
    title: ClassVar[str]
    verb: ClassVar[str]
    indent: ClassVar[int | None] = 1  # of its lines; None: all in one, for it is large
