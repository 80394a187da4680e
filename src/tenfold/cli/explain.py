"""`tenfold explain`: a query's plan at any size, and what is wrong with it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
import msgspec

from tenfold.cli.asked import (
    Factors,
    Read,
    asking_as,
    notes_on,
    read,
    role_option,
    size_by_factor,
    tenant_option,
)
from tenfold.cli.options import (
    check_is_live,
    coloured,
    config_option,
    deliver,
    output_option,
    progress,
    timeout_option,
)
from tenfold.errors import NotPlannableError, UsageError

if TYPE_CHECKING:
    from tenfold.explain.ask import Asking, Changes
    from tenfold.explain.questions import Question
    from tenfold.model.explained import Answer, Explained, Explanation


@click.command("explain")
@click.argument("source")
@click.argument("query", metavar="[QUERY|FILE]", default="", required=False)
@click.option("--only", multiple=True, metavar="NAME", help="Only this query of the file; repeat for more.")
@click.option(
    "--scale",
    type=Factors(),
    metavar="FACTORS",
    default="1",
    show_default=True,
    help="The data of today times these factors, side by side: 1,10,100.",
)
@role_option
@tenant_option
@click.option(
    "--param",
    "parameters",
    multiple=True,
    metavar="VALUE",
    help="Value of $1, then of $2, ...: repeat. Default: drawn from the statistics, and not shown.",
)
@click.option("--generic", is_flag=True, help="Plan for no values in particular, as prepared statements are.")
@click.option(
    "--with-index",
    "made",
    multiple=True,
    metavar="SQL",
    help="Beside it, the plan with this CREATE INDEX carried out on the twin; repeat for more.",
)
@click.option(
    "--without-index",
    "hidden",
    multiple=True,
    metavar="NAME",
    help="Beside it, the plan without this index; repeat for more.",
)
@click.option(
    "--analyze",
    is_flag=True,
    help="Run it on the source as well, for the real figures: read-only, and rolled back.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to write.",
)
@output_option
@config_option
@timeout_option
def command(
    source: str,
    query: str,
    only: tuple[str, ...],
    scale: tuple[float, ...],
    role: str | None,
    tenant: str | None,
    parameters: tuple[str, ...],
    generic: bool,
    made: tuple[str, ...],
    hidden: tuple[str, ...],
    analyze: bool,
    form: Literal["text", "json"],
    output: Path | None,
    config_file: Path | None,
    timeout: float,
) -> None:
    """Show what the planner does with a query at any size, and what is wrong with it.

    QUERY is one statement; FILE has one, or several, each below a line `-- name: NAME`. Left out, it is the
    configuration's workload file. Plans are those of a private copy of the schema without a row (a twin).
    Each fault of a plan is told with its figures and what to do. With --analyze no statement runs for longer
    than --timeout.
    """
    from tenfold.catalog.config_file import load_config
    from tenfold.explain.ask import Changes
    from tenfold.explain.questions import chosen, questions_of, questions_of_workload
    from tenfold.report.explained import render_explained, render_explained_json

    loaded = load_config(config_file)
    questions = chosen(questions_of(query) if query else questions_of_workload(loaded.workload), only)
    _check(source, questions, parameters, generic=generic, analyze=analyze)
    found = read(source, loaded, timeout)
    asking = asking_as(found, role, tenant, given=parameters or None, generic=generic)
    changes = Changes(made, hidden)
    explanation = _explained(found, questions, asking, scale, changes, source if analyze else None, timeout)
    text = (
        render_explained_json(explanation)
        if form == "json"
        else render_explained(explanation, coloured=coloured(output))
    )
    deliver(text, output, "explanation")


def _check(
    source: str, questions: Sequence[Question], parameters: Sequence[str], *, generic: bool, analyze: bool
) -> None:
    """Raises UsageError for options that do not go together, before anything is connected to."""
    if parameters and generic:
        raise UsageError("--param and --generic are two ways to plan; give one of them")
    if parameters and len(questions) > 1:
        raise UsageError("--param is for one query; choose it with --only NAME")
    if not analyze:
        return
    check_is_live(source, "explain --analyze")
    if generic:
        raise UsageError(
            "--analyze runs a query with values, and --generic plans it without; give one of them"
        )
    if len(questions) == 1 and questions[0].writes:
        raise UsageError(f"{questions[0].name} writes or locks rows, so it is not run; leave --analyze out")


def _explained(
    found: Read,
    questions: Sequence[Question],
    asking: Asking,
    factors: Sequence[float],
    changes: Changes,
    live: str | None,
    timeout: float,
) -> Explanation:
    from tenfold.explain.ask import ask_twin
    from tenfold.model.explained import Explained, Explanation
    from tenfold.twin.twin import Twin

    answers: list[tuple[Answer, ...]] = []
    with progress("asking the twin") as advance, Twin(found.snapshot, advance) as twin:
        scale = twin.scale()
        for factor in factors:
            advance(f"at {factor:g}x")
            size = size_by_factor(found, factor)
            answers.append(ask_twin(scale, size, questions, found.tenancy, asking))
            if changes:
                changed = msgspec.structs.replace(size, label=f"{size.label} changed")
                answers.append(ask_twin(scale, changed, questions, found.tenancy, asking, changes))
        notes = tuple(notes_on(found, twin, asking))
    measured = (
        _measured(live, found, questions, asking, timeout) if live is not None else [None] * len(questions)
    )
    explained = tuple(
        Explained(name=question.name, statement=question.text, answers=each, measured=real)
        for question, each, real in zip(questions, zip(*answers, strict=True), measured, strict=True)
    )
    if len(explained) == 1:
        _check_planned(explained[0])
    return Explanation(
        database=found.snapshot.database.name,
        server_version=found.snapshot.server.version,
        role=asking.role,
        queries=explained,
        notes=notes,
    )


def _measured(
    source: str, found: Read, questions: Sequence[Question], asking: Asking, timeout: float
) -> list[Answer | None]:
    from tenfold.explain.ask import ask_source
    from tenfold.pg.connect import connect

    with progress("running") as advance, contextlib.closing(connect(source)) as connection:
        measured: list[Answer | None] = []
        for question in questions:
            advance(question.name)
            measured.append(ask_source(connection, found.snapshot, question, found.tenancy, asking, timeout))
    return measured


def _check_planned(only: Explained) -> None:
    """Raises NotPlannableError where the one query has no plan at all: most likely it is wrong."""
    if all(answer.plan is None for answer in only.answers):
        raise NotPlannableError(f"{only.name} is not planned: {only.answers[0].why_not}")
