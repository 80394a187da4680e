"""The preflight of row-level security for a terminal: whom it binds, what nobody would see, what to set."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tenfold.model.preflight import MayBeNull, Preflight
from tenfold.model.wording import counted

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
        verb = "names" if len(preflight.unbound) == 1 else "name"
        yield Text(f"\n{counted(len(preflight.unbound), 'statement')} {verb} no tenant", style="bold")
        for statement in preflight.unbound[:SHOWN]:
            yield Text(f"  {statement.statement}: {statement.why}")
        if len(preflight.unbound) > SHOWN:
            yield Text(f"  and {len(preflight.unbound) - SHOWN} more (tenfold audit has all)", style="dim")
    if preflight.may_be_null:
        yield Text("\nRows of nobody", style="bold")
        yield Text(
            "A row whose tenant column is null belongs to nobody: once row-level security is on, no tenant "
            "sees it. Count them, and decide whose they are:"
        )
        for column in preflight.may_be_null:
            yield Text(f"  {column.table}.{column.column}: {_nulls(column)}")
            yield Text(f"    {column.count};", style="dim")
    if preflight.other_mechanisms:
        yield Text(f"\nPolicies that go by something else than {preflight.setting}", style="bold")
        for other in preflight.other_mechanisms:
            kind = "permissive" if other.permissive else "restrictive"
            yield Text(f"  {other.policy} on {other.table} ({kind}) goes by {other.mechanism}")
            yield Padding(Text(other.outcome), (0, 0, 0, 4), expand=False)
    yield Text("\nIn the application, in one of these ways", style="bold")
    for library, code in preflight.snippets.items():
        yield Text(f"  {library}:", style="dim")
        yield Padding(Text(code.rstrip()), (0, 0, 1, 4), expand=False)
    for warning in preflight.warnings:
        yield Text.assemble(("warning: ", "bold yellow"), warning)
    for unknown in preflight.unknown:
        yield Text.assemble(("not seen: ", "dim"), unknown)


def _nulls(column: MayBeNull) -> str:
    if column.share is None:
        known = "no statistics say how many are null"
    elif column.share == 0:
        known = "may be null, though statistics saw none that is"
    else:
        known = f"null in about {column.share:.1%} of the rows, by statistics"
    return known + ("; a policy of its own may let them in" if column.has_policies else "")


def _roles(preflight: Preflight) -> Table:
    table = Table.grid(padding=(0, 2))
    for role in preflight.roles:
        clients = counted(role.connections, "connection") if role.connections else "not connected"
        table.add_row(Text(role.role), Text(clients), Text(role.meaning))
    return table
