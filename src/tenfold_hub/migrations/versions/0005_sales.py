"""Contact points, leads, pipelines, deals, activities, notes, tags"""

from __future__ import annotations

from alembic import context, op

from tenfold_hub.migrations.step import Step

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES: dict[str, list[str]] = {
    "search": ["search_entries", "search_postings", "search_words", "search_keys"],
    "fields": [],
    "points": ["contact_points", "addresses"],
    "sales": ["pipelines", "stages", "deals", "deal_contacts", "deal_moves", "leads", "lead_labels"],
    "activities": ["activities", "notes", "timeline"],
    "tags": ["tags", "taggings"],
    "statistics": [],
}


def upgrade() -> None:
    step = Step(op.get_bind().exec_driver_sql, context.config.attributes["roles"])
    for block, tables in TABLES.items():
        step.run("sales", block)
        step.isolate("crm", tables)
