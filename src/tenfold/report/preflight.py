"""The preflight of row-level security for a terminal: whom it binds, what would see nothing, what to set."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tenfold.model.preflight import Preflight

#: Statements without a tenant that are named before the rest is counted.
SHOWN = 8


def preflight_page(preflight: Preflight) -> RenderableType:
    return Group(*_parts(preflight))


def _parts(preflight: Preflight) -> Iterator[RenderableType]:
    yield Text("Before row-level security is switched on", style="bold")
    yield Text(
        f"Every transaction must set {preflight.setting} to its tenant; without it, it sees no row and "
        "writes none."
    )
    if preflight.roles:
        yield Text("\nRoles that connect", style="bold")
        yield Padding(_roles(preflight), (0, 0, 0, 2))
    if preflight.unbound:
        yield Text(f"\n{len(preflight.unbound)} statements name no tenant", style="bold")
        for statement in preflight.unbound[:SHOWN]:
            yield Text(f"  {statement.statement}: {statement.why}")
        if len(preflight.unbound) > SHOWN:
            yield Text(f"  and {len(preflight.unbound) - SHOWN} more (tenfold audit has all)", style="dim")
    yield Text("\nIn the application, in one of these ways", style="bold")
    for library, code in preflight.snippets.items():
        yield Text(f"  {library}:", style="dim")
        yield Padding(Text(code.rstrip()), (0, 0, 1, 4))
    for warning in preflight.warnings:
        yield Text.assemble(("warning: ", "bold yellow"), warning)
    for unknown in preflight.unknown:
        yield Text.assemble(("not seen: ", "dim"), unknown)


def _roles(preflight: Preflight) -> Table:
    table = Table.grid(padding=(0, 2))
    for role in preflight.roles:
        clients = f"{role.connections} connections" if role.connections else "not connected"
        table.add_row(Text(role.role), Text(clients), Text(role.meaning))
    return table
