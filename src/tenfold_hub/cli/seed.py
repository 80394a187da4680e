"""Made-up organizations in bulk, with a bar that shows how far they are."""

from __future__ import annotations

import time

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tenfold_hub.cli.local import named_or_local
from tenfold_hub.seeding.loading import Plan, load


def seed(database: str | None, plan: Plan) -> None:
    with named_or_local(database) as dsn:
        begin = time.monotonic()
        progress = Progress(
            TextColumn("persons"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        with progress:
            bar = progress.add_task("", total=max(plan.persons, plan.organizations))
            loaded = load(dsn, plan, lambda count: progress.advance(bar, count))
        seconds = time.monotonic() - begin
    if not loaded.made:
        click.echo(f"All {loaded.there} organizations of seed {plan.seed} are there; give another --seed.")
        return
    also = f"; {loaded.there} were there" if loaded.there else ""
    largest = plan.made()[0].slug
    click.echo(
        f"{loaded.made:,} organizations with {loaded.rows:,} rows in {seconds:,.1f} s{also}."
        f" The largest is {largest}; a key of it: tenfold hub key --organization {largest}"
    )
