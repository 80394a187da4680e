"""`tenfold bench twin`: what the twin predicts, beside databases that were really loaded at that size."""

from __future__ import annotations

import click

from tenfold.errors import UsageError

PARTS = ("outreach", "tenants", "star", "sizes", "speed")


@click.command("twin")
@click.option(
    "--factors",
    metavar="N,...",
    help="How many times the rows of the small example are predicted. Default: 20; with --full 20,200.",
)
@click.option(
    "--leads",
    type=click.IntRange(min=100),
    default=2_000,
    show_default=True,
    help="Leads of the small example.",
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(PARTS),
    help="Only this part; may be repeated. Default: all.",
)
@click.option("--full", is_flag=True, help="200 times the rows too, the star at scale 1, and 10,000 tables.")
def command(factors: str | None, leads: int, parts: tuple[str, ...], full: bool) -> None:
    """What the twin of a small database predicts, beside databases that were really loaded at that size.

    Plans, costs, row estimates, index sizes and milliseconds, each beside its goal, and every miss by name.
    The large databases are filled on a private embedded server.
    """
    from tenfold.cli.bench_twin_page import Page
    from tenfold.cli.bench_twin_parts import Parts
    from tenfold.cli.options import console_of_width
    from tenfold.report.terminal import WIDTH

    wanted = _factors(factors or ("20,200" if full else "20"))
    chosen = parts or PARTS
    bench = Parts(Page(console_of_width(WIDTH)), leads=leads, full=full)
    if "outreach" in chosen:
        for factor in wanted:
            bench.outreach(factor)
    if "tenants" in chosen:
        bench.tenants(wanted[0])
    if "star" in chosen:
        bench.star()
    if "sizes" in chosen:
        bench.sizes(wanted[0])
    if "speed" in chosen:
        bench.speed()


def _factors(text: str) -> list[int]:
    try:
        factors = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--factors takes numbers and commas, such as 20,200; not {text!r}") from error
    if any(factor < 2 for factor in factors):
        raise UsageError("--factors takes numbers of at least 2, such as 20,200")
    return factors
