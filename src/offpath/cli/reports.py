"""The verbs that show finished runs: one by its report, several beside each other.

A verb imports its stage when it runs, so that `offpath --help` answers at once.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console

from offpath.cli import session
from offpath.cli.arguments import FLAT, Switch
from offpath.comparison import Against, Questions, Score
from offpath.configs import Configuration, Section
from offpath.errors import InputError
from offpath.run.files import check_writable
from offpath.run.folder import Run, open_run
from offpath.slices import ANY_TARGET

if TYPE_CHECKING:
    from offpath.report.playground import Examples

Runs = Annotated[
    tyro.conf.Positional[tuple[Path, ...]],
    tyro.conf.arg(metavar="RUN...", help="Folders of finished runs, each once."),
]


Format = Literal["html", "md", "pdf", "png"]


class ComparisonOptions(Section):
    """What is compared."""

    by: str | None = None
    """Option by whose value runs are grouped, such as finetune.steps; None: all are one group."""
    world: str = ANY_TARGET
    """Distribution: pretraining, finetuning, or test_a to test_e."""
    score: Score = "accuracy"
    """What is compared."""
    against: Against | None = None
    """Compare with this; None: groups where there are several, else best_rule. Few comparisons
    need few seeds: with 10 a verdict needs at most 5."""
    questions: Questions = "hard"
    """hard: distance 3 or more, and not d(1,2); every: every question of a stratum."""


Compared = Annotated[ComparisonOptions, FLAT]
DEFAULT = ComparisonOptions()
EXAMPLES = 100  # of each distribution, in the playground


def report(
    runs: Runs, options: Compared = DEFAULT, out: Path | None = None, format: Format = "html"
) -> None:
    """Write the report of a run, or of several beside each other, as one offline page.

    For example: offpath report runs/laptop-0123abcd-seed0

    Args:
        out: File to write to, .html or .md, or a folder for pdf and png. Of one run by default
            report.html, report.md or figures in its folder.
        format: html: the page, which any browser prints as a whole to PDF. For papers, of one run:
            md: Markdown with SVG figures; pdf, png: each chart as a file of its own, into a folder.
    """
    opened = _opened(runs)
    if len(opened) == 1:
        _report_of_one(opened[0], options, out, format)
        return
    if format != "html":
        raise InputError(f"--format {format} is for one run; name one, or leave it out")
    out = _html_file(out)
    from offpath.generalize.groups import measured
    from offpath.generalize.seeds import compare as compare_seeds
    from offpath.report.page import write_seeds_report

    made = compare_seeds(measured(opened, options.by), **dict(options))
    chosen = [(name, value) for name, value in options if value != getattr(DEFAULT, name)]
    write_seeds_report(opened, made, out, "".join(f" --{n} {shlex.quote(v)}" for n, v in chosen))
    print(f"report: {out}")


def _report_of_one(run: Run, options: ComparisonOptions, out: Path | None, kind: Format) -> None:
    if options != DEFAULT:
        raise InputError(
            "--by, --world, --score, --against and --questions are for the page of several runs: "
            "leave them out, or name more runs"
        )
    endings = {"html": ".html", "md": ".md", "pdf": "", "png": ""}
    fits = out is None or (out.suffix == endings[kind] if endings[kind] else not out.is_file())
    if not fits or (out and out.parent != run.folder and (out.parent / "config.json").exists()):
        wanted = f"a file {endings[kind]}" if endings[kind] else "a folder"
        raise InputError(
            f"--out must be {wanted} with --format {kind}, not in the folder of another run; "
            f"got {out}"
        )
    if out is not None and endings[kind]:
        check_writable(out)
    if kind == "html":
        from offpath.report.page import write_report

        print(f"report: {write_report(run, out)}")
        return
    from offpath.report.page import write_for_papers

    files = write_for_papers(run, kind, out)
    if not files:
        raise InputError(f"{run.folder} has nothing to draw yet; `offpath evaluate` measures it")
    many = "file" if len(files) == 1 else "files"
    where = f"{len(files)} {many} to {files[0].parent}"
    print(f"wrote {files[0] if kind == 'md' else where}")


def compare(
    runs: Runs, options: Compared = DEFAULT, out: Path | None = None, study: Switch = False
) -> None:
    """Set runs beside each other: scores over seeds, differences and verdicts.

    For example: offpath compare runs/laptop-* --against scratch --out scores.csv

    Args:
        out: File to write to: every score (.csv, .parquet), or the summary (.json).
        study: Set runs beside the published figures of WWZ24 instead; --out then writes JSON.
    """
    if runs and str(runs[0]) == "study" and not (runs[0] / "config.json").exists():
        raise InputError("`offpath compare study RUN...` is now `offpath compare --study RUN...`")
    if study:
        _compare_with_study(runs, options, out)
        return
    from offpath.generalize.groups import check_format, measured, write_scores

    if out is not None:
        check_format(out)
    opened = measured(_opened(runs), options.by)
    from offpath.generalize.seeds import compare as compare_seeds
    from offpath.report.terminal import comparison_view

    made = compare_seeds(opened, **dict(options))
    Console(highlight=False).print(comparison_view(made))
    if out is not None and out.suffix == ".json":
        session.write_record(out, made.model_dump(mode="json"))
    elif out is not None:
        print(f"wrote {write_scores(opened, out)} rows to {out}")


def playground(runs: Runs, out: Path | None = None, serve: Switch = False) -> None:
    """Write one offline page in which anyone can draw a graph and ask the networks of runs.

    For example: offpath playground runs/laptop-0123abcd-seed0

    Args:
        out: File to write the page to, .html; None: playground.html in the folder of a single run.
        serve: Serve the page to browsers on this machine until Ctrl-C, too.
    """
    opened = _opened(runs)
    own = out is None and len(opened) == 1
    path = opened[0].playground if own else _html_file(out)
    from offpath.report.playground import write_playground

    omitted = write_playground(opened, _examples(opened[0].configuration), path)
    page = path.read_bytes()
    print(f"playground: {path} ({len(page) / 1e6:.1f} MB)", flush=True)
    for one in omitted:
        print(f"left out: {one['title']}: {one['why']}")
    if serve:
        from offpath.cli.serve import serve as serve_page

        serve_page(page)


def _examples(c: Configuration) -> list["Examples"]:
    """The first questions of the evaluation set of every distribution."""
    from offpath.data.batches import frozen
    from offpath.data.worlds import worlds

    return [
        {
            "world": world.name,
            "title": world.title,
            "description": world.description,
            "questions": [
                {"vertices": n, "edges": [edge for edge in edges if any(edge)], "target": target}
                for n, (*edges, (target, _)) in zip(
                    batch.vertices.tolist(), batch.tokens.tolist(), strict=True
                )
            ],
        }
        for world in worlds(c.graphs).values()
        for batch, _ in [frozen(world, c.evaluate.seed, EXAMPLES)]
    ]


def _html_file(out: Path | None) -> Path:
    """Where a page goes that has no place in a run folder."""
    if out is None or out.suffix != ".html":
        got = "" if out is None else f"; got {out}"
        raise InputError(f"this page needs a file of its own: give --out FILE.html{got}")
    check_writable(out)
    return out


def _opened(runs: Sequence[Path]) -> list[Run]:
    """The runs in these folders, each of which is there once."""
    if not runs or len({folder.resolve() for folder in runs}) < len(runs):
        raise InputError(
            "RUN must be given at least once, and each run once; name folders of finished runs"
        )
    return [open_run(folder) for folder in runs]


def _compare_with_study(runs: Sequence[Path], options: ComparisonOptions, out: Path | None) -> None:
    """Print runs beside the published figures of WWZ24, pooled and by stratum."""
    if options != DEFAULT:
        raise InputError(
            "--by, --world, --score, --against and --questions do not go with --study, which "
            "shows all that WWZ24 published; leave them out"
        )
    if out is not None:
        check_writable(out)
    from offpath.report.terminal import study_view
    from offpath.results import Study, read_result

    opened = _opened(runs)
    if circuits := [str(run.folder) for run in opened if run.configuration.pretrain is None]:
        raise InputError(
            f"RUN must be a run that trains; {', '.join(circuits)}: its network is handcrafted; "
            "`offpath report RUN` shows its scores"
        )
    studies = [(run, read_result(run, Study)) for run in opened]
    Console(highlight=False).print(study_view(studies))
    if out is not None:
        records = [
            {"run": run.configuration.run_name, "folder": str(run.folder), **study.model_dump()}
            for run, study in studies
        ]
        session.write_record(out, {"runs": records})


VERBS = (report, compare, playground)
