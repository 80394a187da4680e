"""Statements as pg_stat_statements writes them: read like those that they came from."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from tenfold.catalog.reader import read_snapshot
from tenfold.model.activity import Statement
from tenfold.model.snapshot import Snapshot
from tenfold.pg.connect import Connection, connect, execute_script
from tenfold.pg.sqlfile import parse_blocks
from tenfold.rules.shapes import Shapes
from tenfold.statements.text import fingerprint, shown

EXAMPLE = Path(__file__).parents[3] / "examples" / "outreach"
#: Forms that the example's workload lacks, with constants that nothing may show.
FORMS = """
SELECT id FROM leads WHERE team_id = 424242 AND status IN ('secret', 'secrets') ORDER BY 1 LIMIT 7
SELECT id FROM leads WHERE team_id = 424242 AND created_at > now() - interval '17 days' AND email IS NULL
SELECT count(*) FROM leads WHERE date_part('epoch', created_at) > 424242 AND first_name ~* 'secret'
SELECT position('secret' IN email), substring(email FROM 2 FOR 3), trim('x' FROM email) FROM leads LIMIT 3
SELECT id FROM leads WHERE (team_id, id) > (424242, 'secret') AND custom_fields ? 'x' FETCH FIRST ROW ONLY
SELECT id FROM leads WHERE email = E'it\\'s secret' OR email = $q$secret$q$ OR email = U&'s\\0065cret'
SELECT id FROM leads WHERE team_id = ANY ('{424242}'::bigint[]) AND NOT status LIKE 'secret%' ESCAPE '!'
UPDATE teams SET name = 'secret', monthly_message_limit = monthly_message_limit + 424242 WHERE id = 424242
DELETE FROM team_settings WHERE team_id = 424242 AND name = 'secret'
"""


@pytest.mark.servers(15, 18)
def test_a_recorded_statement_is_read_like_its_source(database: str) -> None:
    blocks = parse_blocks((EXAMPLE / "workload.sql").read_text(encoding="utf-8"))
    texts = [block.text for block in blocks] + FORMS.strip().splitlines()
    with contextlib.closing(connect(database, writable=True)) as connection:
        snapshot = _after(connection, texts)
    shapes = Shapes(snapshot)
    assert [text for text in texts if shapes.of(text) is None] == []
    recorded = {fingerprint(found.text): found for found in snapshot.statements if _is_ours(found)}
    assert [text for text in texts if fingerprint(text) not in recorded] == []
    for text in texts:
        assert shapes.of(recorded[fingerprint(text)].text) == shapes.of(text)


def test_no_constant_is_shown() -> None:
    for text in FORMS.strip().splitlines():
        assert not re.search(r"secret|424242|17", shown(text))


def _after(connection: Connection, texts: list[str]) -> Snapshot:
    execute_script(connection, "CREATE EXTENSION pg_stat_statements")
    execute_script(connection, (EXAMPLE / "schema.sql").read_text(encoding="utf-8"))
    for text in texts:
        numbers = set(re.findall(r"\$(\d+)", text))
        if numbers:
            named = re.sub(r"\$(\d+)", r"%(p\1)s", text.replace("%", "%%"))
            # A statement that fails is not recorded: keys must have a value, and times cannot have this one.
            value = "1" if text.startswith("INSERT") else None
            connection.execute(named.encode(), {f"p{number}": value for number in numbers})
        else:
            connection.execute(text.encode())
    return read_snapshot(connection)


def _is_ours(statement: Statement) -> bool:
    return not statement.text.startswith(("CREATE", "COMMENT", "ALTER"))
