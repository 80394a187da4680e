"""`tenfold bench`: what Tenfold costs, beside the limit it cannot beat."""

from __future__ import annotations

import click

from tenfold.cli import bench_runtime, bench_twin


@click.group("bench", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Measure Tenfold against its limits, on a private embedded server."""


command.add_command(bench_twin.command)
command.add_command(bench_runtime.command)


@command.command("audit")
@click.option(
    "--tables",
    default="100,1000,10000",
    show_default=True,
    help="Sizes of the generated databases; every table has three indexes.",
)
def audit(tables: str) -> int:
    """Snapshot and rules on generated databases, beside a raw fetch of the same catalog rows."""
    from rich.console import Console
    from rich.table import Table

    from tenfold.bench.audit import ROUNDS, bench_audit, growth_exponent
    from tenfold.errors import UsageError

    try:
        sizes = [int(part) for part in tables.split(",")]
    except ValueError as error:
        raise UsageError(f"--tables takes numbers and commas, such as 100,1000; not {tables!r}") from error
    if any(size < 10 for size in sizes) or sizes != sorted(set(sizes)):
        raise UsageError("--tables takes rising sizes of at least 10, such as 100,1000,10000")
    console = Console(highlight=False)
    with console.status("starting a server") as status:
        results = bench_audit(sizes, said=lambda what: status.update(what))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in (
        "tables",
        "indexes",
        "raw fetch",
        "snapshot",
        "x limit",
        "rules",
        "peak memory",
        "findings",
    ):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(
            f"{result.tables:,}",
            f"{result.indexes:,}",
            f"{result.raw:.3f} s",
            f"{result.snapshot:.3f} s",
            f"{result.snapshot / result.raw:.2f}",
            f"{result.rules:.3f} s",
            f"{result.peak_memory / 1e6:.0f} MB",
            f"{result.findings:,}",
        )
    console.print(table)
    console.print(
        f"Medians of {ROUNDS} rounds on one connection to an embedded server; memory is of the whole "
        "process. The limit is the same queries, fetched and not built."
    )
    if len(results) > 1:
        for what, seconds in (("snapshot", lambda r: r.snapshot), ("rules", lambda r: r.rules)):
            console.print(
                f"{what}: time grows with tables to the power of {growth_exponent(results, seconds):.2f} "
                "(1 is linear)"
            )
    return 0
