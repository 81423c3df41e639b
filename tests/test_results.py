"""Result files: what is written is read, and what cannot be read names the command to make it."""

import json
import shlex
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import ValidationError

from offpath.configs import Configuration, InputError
from offpath.recipes import recipe
from offpath.results import (
    FORMAT,
    OF_REPORTERS,
    RESULTS,
    AlongStep,
    Inside,
    LabelCount,
    Labels,
    Result,
    Row,
    read_result,
    write_result,
)
from offpath.results.rows import Rounded
from offpath.results.scores import Hex
from offpath.run.files import read_json, write_json
from offpath.run.folder import Run, create_run, sessions


@pytest.fixture
def run(tiny: Configuration, tmp_path) -> Run:
    """A fresh run folder, in a path that a shell has to have quoted."""
    return create_run(tiny, tmp_path / "my runs")


def values(kind: Any) -> Iterator[Any]:
    """Values of a type: at least one, and each of a union's."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (UnionType, Union):  # the second of annotated types
        for one in inner:
            yield from values(one)
    elif origin is Literal:
        yield from inner
    elif origin is list:
        yield [*values(inner[0])]
    elif origin is dict:
        yield {f"name {n}": value for n, value in enumerate(values(inner[1]))}
    elif origin is tuple:
        yield tuple(next(values(one)) for one in inner)
    elif kind is NoneType:
        yield None
    elif isinstance(kind, type) and issubclass(kind, Row):
        options = {n: [*values(field.annotation)] for n, field in kind.model_fields.items()}
        for number in range(max(map(len, options.values()))):
            yield kind(**{name: given[number % len(given)] for name, given in options.items()})
    else:
        letter = "\N{GREEK SMALL LETTER ALPHA}"
        known = {int: 7, float: 0.1, Rounded: 0.1, bool: True, str: letter, Hex: "#0072b2"}
        yield {**known, Any: 1.5}[kind]


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.file)
def test_every_result_is_read_as_it_was_written(run: Run, kind: type[Result]):
    run = fitting(run, kind)
    for result in values(kind):
        write_result(run, result)
        assert read_result(run, kind) == result
        head = read_json(run.result(kind.file), "run", "")
        assert (head["run"], head["format"]) == (run.configuration.run_name, FORMAT)
    assert f"results/{kind.file}.json" in sessions(run)[-1]["made"]


def test_a_look_inside_is_written_with_four_digits_and_in_one_line(run: Run):
    inside = next(values(Inside))
    measures: dict[str, float | None] = {"d(1,v)": 1 / 3}
    step = AlongStep(network="pretrained", step=10, measures=measures)
    write_result(run, inside.model_copy(update={"along": [step]}))
    assert read_result(run, Inside).along[0].measures == {"d(1,v)": 0.3333}
    assert run.result("inside").read_text().count("\n") == 1


def test_a_number_that_is_not_finite_is_in_no_result():
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            LabelCount(label=1, count=1, exact=number)


def fault(run: Run, kind: type[Result] = Labels) -> str:
    """The one line of a result that cannot be read, which ends with a command to paste."""
    with pytest.raises(InputError) as error:
        read_result(run, kind)
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith(str(run.result(kind.file)))
    command = line.split("make it anew with `")[1].removesuffix("`")
    assert shlex.split(command) == ["offpath", kind.verb, str(run.folder)]
    return line


def fitting(run: Run, kind: type[Result]) -> Run:
    """A run that can have such a result: one with reporters for theirs."""
    return create_run(recipe("truth"), run.folder.parent) if kind in OF_REPORTERS else run


def labels() -> Labels:
    """Made-up evaluation sets."""
    return next(values(Labels))


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.file)
def test_a_missing_result_names_the_command_that_makes_it(run: Run, kind: type[Result]):
    assert f"{kind.file}.json is missing; make it anew" in fault(fitting(run, kind), kind)


DAMAGED = ["", "{", "{}", "[1]", "5", '"run"', "[" * 10**5, "\udcff", "9" * 5000, '{"run": "a"}']


@pytest.mark.parametrize("text", DAMAGED, ids=lambda text: text[:6].encode("ascii", "replace"))
def test_a_damaged_result_is_named_and_to_be_deleted(run: Run, text: str):
    run.result("labels").write_bytes(text.encode(errors="surrogateescape"))
    assert "labels.json is damaged (" in (line := fault(run))
    assert "; delete it, and make it anew" in line


def test_a_result_without_its_checksum_is_damaged(run: Run):
    write_result(run, labels())
    path = run.result("labels")
    record = json.loads(path.read_text())
    del record["sha256"]
    path.write_text(json.dumps(record))
    assert "labels.json is damaged (KeyError: 'sha256'); delete it" in fault(run)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_a_result_that_was_cut_is_damaged(run: Run, share: float):
    write_result(run, labels())
    content = run.result("labels").read_bytes().rstrip()
    run.result("labels").write_bytes(content[: int(share * len(content))])
    assert "labels.json is damaged (" in fault(run)


def test_a_result_with_one_number_changed_is_refused(run: Run):
    write_result(run, labels())
    path = run.result("labels")
    text = path.read_text()
    assert '"exact": 0.1' in text
    path.write_text(text.replace('"exact": 0.1', '"exact": 0.2'))
    assert "labels.json is damaged (ValueError: its SHA-256 is not the one" in fault(run)


def test_a_folder_in_the_place_of_a_result_is_named(run: Run):
    run.result("labels").mkdir()
    assert "labels.json could not be read (Is a directory); delete it" in fault(run)


def test_a_result_of_another_run_is_refused(run: Run, tiny: Configuration):
    other = create_run(tiny.model_copy(update={"seed": 5}), run.folder.parent)
    write_result(other, labels())
    run.result("labels").write_bytes(other.result("labels").read_bytes())
    assert f"belongs to another run, {other.configuration.run_name}; delete it" in fault(run)


@pytest.mark.parametrize("number", [None, 1, FORMAT + 1, "2"])
def test_a_result_of_another_format_is_refused(run: Run, number: Any):
    record = {"run": run.configuration.run_name, "format": number, **labels().model_dump()}
    if number is None:  # the first format had no number
        del record["format"]
    write_json(run.result("labels"), record)
    line = fault(run)
    assert f"labels.json has format {number or 1}, and this version reads {FORMAT}; delete" in line


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"worlds": 5}, "worlds: input should be a valid list"),
        ({"max_vertices": "many"}, "max_vertices: input should be a valid integer"),
        ({"more": 1}, "more: extra inputs are not permitted"),
        ({"worlds": [{}]}, "worlds.0.world: field required"),
    ],
)
def test_a_result_whose_fields_are_others_is_damaged(run: Run, changes: dict, place: str):
    head = {"run": run.configuration.run_name, "format": FORMAT}
    write_json(run.result("labels"), {**head, **labels().model_dump(), **changes})
    assert f"labels.json is damaged ({place}" in fault(run)
