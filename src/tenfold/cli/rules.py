"""`tenfold rules`: the catalogue, and one rule's page."""

from __future__ import annotations

import click


@click.command("rules")
@click.argument("rule_id", metavar="[ID]", required=False)
def command(rule_id: str | None) -> None:
    """List the rules, or explain one: what it finds, why it matters, how to fix it, when to ignore it."""
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.table import Table

    from tenfold.rules.rule import all_rules, find_rule

    console = Console()
    if rule_id is not None:
        rule = find_rule(rule_id)
        console.print(Markdown(rule.page))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("group", "rule", "what it finds"):
        table.add_column(heading)
    group = None
    for rule in all_rules():
        table.add_row(rule.group if rule.group != group else "", rule.id, rule.title)
        group = rule.group
    console.print(table)
