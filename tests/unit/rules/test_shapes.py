"""Shapes of statements: what of each table a statement compares, joins, sorts and limits."""

from __future__ import annotations

import pytest

from tenfold.model.relations import Column
from tenfold.model.snapshot import Snapshot
from tenfold.rules.shapes import Shapes
from tenfold.statements.equalities import Hold
from tenfold.statements.shape import OrderKey, Shape, TableUse
from tests.unit.rules.build import DATABASE, SERVER, table

TABLES = {
    "leads": "id team_id email status score created_at integration_id Name",
    "messages": "id team_id lead_id campaign_id status created_at tags body metadata",
    "campaigns": "id team_id name status",
    "events": "id execution_id kind occurred_at",
    "teams": "id slug",
}


def columns(relation: int, names: str) -> list[Column]:
    return [
        Column(
            relation=relation,
            number=number,
            name=name,
            type="bigint",
            type_oid=20,
            type_kind="b",
            type_category="N",
            not_null=False,
        )
        for number, name in enumerate(names.split(), 1)
    ]


SNAPSHOT = Snapshot(
    server=SERVER,
    database=DATABASE,
    relations=(
        *(table(oid, name) for oid, name in enumerate(TABLES, 1)),
        table(11, "twice"),
        table(12, "twice", schema="other"),
        table(13, "Odd name", schema="Odd"),
    ),
    columns=(
        *(column for oid, names in enumerate(TABLES.values(), 1) for column in columns(oid, names)),
        *columns(11, "id team_id"),
        *columns(12, "id team_id"),
        *columns(13, "Id team_id"),
    ),
)
NAMES = {relation.oid: relation.name for relation in SNAPSHOT.relations}


def shape(text: str) -> Shape:
    found = Shapes(SNAPSHOT).of(text)
    assert found is not None, text
    return found


def use(text: str, alias: str | None = None) -> TableUse:
    """The one use of that alias, or the only one."""
    (found,) = [use for use in shape(text).uses if alias in (None, use.alias)]
    return found


def tied(text: str, alias: str, hold: Hold) -> set[str]:
    """Aliases of the uses that are reached from the one with this alias."""
    found = shape(text)
    starts = {number: hold for number, each in enumerate(found.uses) if each.alias == alias}
    return {found.uses[number].alias for number in found.reached(starts)}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT 1", "select"),
        ("select * from leads", "select"),
        ("/* trace: 1 */ -- by the web tier\n SELECT * FROM leads", "select"),
        ("(SELECT id FROM leads) UNION ALL (SELECT id FROM messages) LIMIT 3", "select"),
        ("VALUES ($1), ($2)", "select"),
        ("TABLE leads", "select"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "select"),
        ("INSERT INTO leads DEFAULT VALUES", "insert"),
        ("WITH x AS (SELECT 1 AS id) INSERT INTO leads (id) SELECT id FROM x", "insert"),
        ("UPDATE leads SET score = $1", "update"),
        ("DELETE FROM leads", "delete"),
        ("MERGE INTO leads USING teams ON leads.team_id = teams.id WHEN MATCHED THEN DELETE", "merge"),
    ],
)
def test_the_kind_is_known(text: str, kind: str) -> None:
    assert shape(text).kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "VACUUM leads",
        "CREATE INDEX ON leads (team_id)",
        "COPY leads TO STDOUT",
        "BEGIN",
        "EXPLAIN SELECT * FROM leads",
        "DECLARE c CURSOR FOR SELECT * FROM leads",
        "SELECT FROM WHERE AND",
        "SELECT 'unfinished",
        "SELECT 1; SELECT 2",
        "<insufficient privilege>",
    ],
)
def test_what_is_no_statement_on_rows_or_cannot_be_read_has_no_shape(text: str) -> None:
    assert Shapes(SNAPSHOT).of(text) is None


# --- comparisons ---


@pytest.mark.parametrize(
    ("condition", "equal"),
    [
        ("team_id = $1", "team_id"),
        ("$1 = team_id", "team_id"),
        ("(team_id = $1) AND ((status = 'new'))", "team_id status"),
        ("l.team_id=$1 AND l.status=$2 AND l.score=$3", "team_id status score"),
        ("team_id = $1::bigint", "team_id"),
        ("team_id = current_setting('app.team_id')::bigint", "team_id"),
        ("team_id = (SELECT current_setting('app.team_id')::bigint)", "team_id"),
        ("team_id = (SELECT NULLIF(current_setting($1, $2), $3)::bigint)", "team_id"),
        ("(team_id, status) = ($1,$2)", "team_id status"),
        ("team_id IN ($1)", "team_id"),
        ("created_at = now() - interval '1 day'", "created_at"),
        ("team_id = $1 AND score > $2", "team_id"),
        ("team_id = $1 AND (status = $2 OR score = $3)", "team_id"),
        ("TEAM_ID = $1", "team_id"),
        ('"Name" = $1', "Name"),
        ("Name = $1", ""),
        ("team_id <> $1", ""),
        ("NOT team_id = $1", ""),
        ("team_id = $1 OR status = $2", ""),
        ("team_id = score", ""),
        ("lower(email) = $1", ""),
        ("team_id::text = $1", ""),
        ("coalesce(team_id, 0) = $1", ""),
        ("team_id IS NULL", ""),
        ("team_id IS NOT DISTINCT FROM $1", ""),
        ("CASE WHEN team_id = $1 THEN true END", ""),
    ],
)
def test_a_column_is_equal_where_nothing_else_passes(condition: str, equal: str) -> None:
    assert use(f"SELECT * FROM leads l WHERE {condition}").equal == set(equal.split())


@pytest.mark.parametrize(
    ("condition", "listed"),
    [
        ("status IN ($1, $2)", "status"),
        ("status IN ($1 /*, ... */)", "status"),
        ("status = ANY ($1)", "status"),
        ("status = ANY (ARRAY[$1,$2]::text[])", "status"),
        ("status = SOME ($1)", "status"),
        ("(team_id, status) IN (($1,$2),($3,$4))", "team_id status"),
        ("status = $1 OR status = $2", "status"),
        ("status = $1 OR status IN ($2, $3)", "status"),
        ("status NOT IN ($1, $2)", ""),
        ("status <> ALL ($1)", ""),
        ("status = $1 OR score = $2", ""),
        ("lower(status) IN ($1, $2)", ""),
        ("status IN ($1, email)", ""),
        ("score < $1 OR score < $2", ""),
    ],
)
def test_a_column_is_listed_where_one_of_several_passes(condition: str, listed: str) -> None:
    found = use(f"SELECT * FROM leads WHERE {condition}")
    assert (found.listed, found.equal) == (set(listed.split()), set())


def test_a_constant_that_an_array_column_must_hold_compares_nothing() -> None:
    found = use("SELECT * FROM messages WHERE $1 = ANY (tags)")
    assert (found.equal, found.listed, found.held) == (set(), set(), {})
    assert found.mentioned == {"tags"}


@pytest.mark.parametrize(
    ("condition", "ranged", "closed"),
    [
        ("created_at >= $1", "created_at", ""),
        ("$1 > created_at", "created_at", ""),
        ("created_at >= $1 AND created_at < $1 + interval '7 days'", "created_at", "created_at"),
        ("created_at BETWEEN $1 AND $2", "created_at", "created_at"),
        ("(created_at, id) < ($1, $2)", "created_at", ""),
        ("$1 < score AND score < created_at", "score", ""),
        ("created_at > now() - interval $1", "created_at", ""),
        ("score > created_at", "", ""),
        ("score + 1 > $1", "", ""),
        ("score NOT BETWEEN $1 AND $2", "", ""),
        ("score > (SELECT avg(score) FROM leads x)", "", ""),
        ("score > $1 OR score < $2", "", ""),
    ],
)
def test_a_column_is_ranged_between_limits(condition: str, ranged: str, closed: str) -> None:
    found = use(f"SELECT * FROM leads l WHERE {condition}", "l")
    assert (found.ranged, found.closed) == (set(ranged.split()), set(closed.split()))


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        ("team_id IS NULL", "team_id"),
        ("team_id::text = $1", "team_id"),
        ("coalesce(team_id, 0) = $1", "team_id"),
        ("team_id IS NOT DISTINCT FROM $1", "team_id"),
        ("(team_id = $1 AND status = $2) OR (team_id = $1 AND score = $3)", "team_id"),
        ("(team_id = $1 AND status = $2) OR (team_id IS NULL AND status = $3)", "team_id status"),
        ("team_id IN (SELECT id FROM teams WHERE slug = $1)", "team_id"),
        ("team_id = (SELECT id FROM teams WHERE slug = $1)", "team_id"),
        ("team_id IN (SELECT $1::bigint)", "team_id"),
        ("team_id IN (SELECT id FROM teams)", ""),
        ("team_id = (SELECT max(id) FROM teams)", ""),
        ("team_id IS NOT NULL", ""),
        ("team_id = $1 OR $1 IS NULL", ""),
        ("NOT (team_id = $1)", ""),
        ("score > $1", ""),
    ],
)
def test_a_column_is_held_where_few_values_pass_in_any_way(condition: str, held: str) -> None:
    assert use(f"SELECT * FROM leads l WHERE {condition}", "l").held.keys() == set(held.split())


def test_what_is_not_understood_is_mentioned() -> None:
    found = use("SELECT score FROM messages WHERE team_id = $1 AND metadata @> $2 AND body ILIKE $3")
    assert found.mentioned == {"team_id", "metadata", "body"}
    assert found.equal == {"team_id"}


# --- names ---


def test_a_table_is_found_in_the_schema_that_is_named() -> None:
    assert use("SELECT * FROM other.twice WHERE team_id = $1").relation == 12
    assert use("SELECT * FROM public.twice WHERE public.twice.team_id = $1").relation == 11


def test_a_table_of_two_schemas_is_unknown_without_one() -> None:
    assert shape("SELECT * FROM twice WHERE team_id = $1").uses == ()


def test_quoted_names_keep_their_case() -> None:
    found = use('SELECT * FROM "Odd"."Odd name" AS "O" WHERE "O"."Id" = $1 AND "O".id = $2')
    assert (found.relation, found.alias, found.equal) == (13, "O", {"Id"})
    assert shape("SELECT * FROM Odd.Odd_name").uses == ()


def test_a_bare_column_belongs_to_the_one_table_that_has_it() -> None:
    text = "SELECT 1 FROM leads l, messages m WHERE email = $1 AND body = $2 AND status = $3"
    assert use(text, "l").equal == {"email"}
    assert use(text, "m").equal == {"body"}


def test_a_bare_column_beside_an_unknown_table_is_that_of_the_known_one() -> None:
    assert use("SELECT * FROM leads, elsewhere WHERE team_id = $1").equal == {"team_id"}
    assert use("SELECT * FROM leads, elsewhere WHERE unheard = $1").equal == set()


def test_a_column_of_an_aliased_column_list_goes_by_its_new_name() -> None:
    found = use("SELECT * FROM leads AS l (a, b) WHERE l.b = $1 AND l.email = $2")
    assert found.equal == {"team_id", "email"}


def test_an_inner_name_hides_an_outer_one() -> None:
    text = "SELECT * FROM leads l WHERE EXISTS (SELECT 1 FROM messages m WHERE team_id = $1)"
    assert (use(text, "l").equal, use(text, "m").equal) == (set(), {"team_id"})


# --- joins ---


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM leads l JOIN messages m ON m.team_id = l.team_id WHERE l.team_id = $1",
        "SELECT * FROM leads l JOIN messages m ON m.team_id = l.team_id AND l.team_id = $1",
        "SELECT * FROM leads l, messages m WHERE m.team_id = l.team_id AND l.team_id = $1",
        "SELECT * FROM leads l JOIN messages m USING (team_id) WHERE team_id = $1",
        "SELECT * FROM leads l LEFT JOIN messages m USING (team_id) WHERE team_id = $1",
        "SELECT * FROM leads l LEFT JOIN messages m ON m.team_id = l.team_id WHERE l.team_id = $1",
        "SELECT * FROM leads l LEFT JOIN messages m ON m.team_id = l.team_id WHERE m.team_id = $1",
        "SELECT * FROM messages m RIGHT JOIN leads l ON m.team_id = l.team_id WHERE l.team_id = $1",
        "SELECT * FROM leads l FULL JOIN messages m ON m.team_id = l.team_id WHERE l.team_id = $1",
        "SELECT * FROM leads l JOIN campaigns c ON c.team_id = l.team_id"
        " JOIN messages m ON m.team_id = c.team_id WHERE l.team_id = $1",
        "SELECT * FROM leads l JOIN (SELECT * FROM messages m) x ON x.team_id = l.team_id"
        " WHERE l.team_id = $1",
        "SELECT * FROM leads l, LATERAL (SELECT * FROM messages m WHERE m.team_id = l.team_id) x"
        " WHERE l.team_id = $1",
        "SELECT * FROM leads l WHERE team_id = $1 AND EXISTS"
        " (SELECT 1 FROM messages m WHERE m.team_id = l.team_id)",
        "SELECT * FROM leads l WHERE EXISTS"
        " (SELECT 1 FROM messages m WHERE m.team_id = l.team_id AND m.team_id = $1)",
        "SELECT * FROM leads l WHERE team_id IN (SELECT m.team_id FROM messages m WHERE m.team_id = $1)",
        "WITH m AS (SELECT * FROM messages m) SELECT * FROM leads l JOIN m ON m.team_id = l.team_id"
        " WHERE l.team_id = $1",
        "WITH m AS (SELECT * FROM messages m WHERE status = 'new') SELECT * FROM leads l"
        " LEFT JOIN m ON m.team_id = l.team_id WHERE m.team_id = $1",
        "SELECT * FROM (leads l JOIN messages m ON l.team_id = m.team_id) JOIN teams t ON t.id = l.team_id"
        " WHERE t.id = $1",
        "SELECT (SELECT count(*) FROM messages m WHERE m.team_id = l.team_id) FROM leads l WHERE team_id=$1",
        "SELECT * FROM leads l, messages m WHERE (m.team_id, m.id) = (l.team_id, l.id) AND l.team_id = $1",
        "UPDATE leads l SET score = 1 FROM messages m WHERE m.team_id = l.team_id AND m.team_id = $1",
        "DELETE FROM leads l USING messages m WHERE m.team_id = l.team_id AND m.team_id = $1",
    ],
)
def test_a_column_that_equals_a_compared_one_is_compared(text: str) -> None:
    for alias in ("l", "m"):
        assert "team_id" in use(text, alias).held, alias


@pytest.mark.parametrize(
    ("text", "alias"),
    [
        ("SELECT * FROM leads l LEFT JOIN messages m ON m.team_id = l.team_id AND m.team_id = $1", "l"),
        ("SELECT * FROM leads l LEFT JOIN messages m ON m.lead_id = l.id AND l.team_id = $1", "l"),
        ("SELECT * FROM leads l FULL JOIN messages m ON m.team_id = l.team_id AND m.team_id = $1", "m"),
        ("SELECT * FROM messages m RIGHT JOIN leads l ON m.team_id = l.team_id AND m.team_id = $1", "l"),
        ("SELECT * FROM leads l JOIN messages m ON m.lead_id = l.id WHERE l.team_id = $1", "m"),
        (
            "SELECT * FROM leads l LEFT JOIN (SELECT * FROM messages WHERE team_id = $1) m"
            " ON m.team_id = l.team_id",
            "l",
        ),
        (
            "WITH m AS (SELECT * FROM messages WHERE team_id = $1)"
            " SELECT * FROM leads l LEFT JOIN m ON m.team_id = l.team_id",
            "l",
        ),
        (
            "SELECT * FROM messages m JOIN campaigns c ON c.team_id = m.team_id AND c.team_id = $1"
            " RIGHT JOIN leads l ON l.team_id = m.team_id",
            "l",
        ),
        (
            "SELECT * FROM leads l WHERE NOT EXISTS"
            " (SELECT 1 FROM messages m WHERE m.team_id = l.team_id AND m.team_id = $1)",
            "l",
        ),
        (
            "SELECT * FROM leads l WHERE team_id NOT IN (SELECT team_id FROM messages m WHERE team_id = $1)",
            "l",
        ),
        (
            "SELECT *, (SELECT count(*) FROM messages m WHERE m.team_id = l.team_id AND m.team_id = $1)"
            " FROM leads l",
            "l",
        ),
        (
            "SELECT * FROM leads l LEFT JOIN LATERAL"
            " (SELECT * FROM messages m WHERE m.team_id = l.team_id AND m.team_id = $1) x ON true",
            "l",
        ),
        (
            "SELECT * FROM leads l JOIN (SELECT team_id FROM messages m WHERE team_id = $1"
            " UNION SELECT team_id FROM campaigns) u ON u.team_id = l.team_id",
            "l",
        ),
    ],
)
def test_an_outer_join_or_a_sub_query_holds_in_one_direction_only(text: str, alias: str) -> None:
    assert "team_id" not in use(text, alias).held


def test_a_union_holds_each_branch_to_what_is_asked_of_it() -> None:
    text = (
        "SELECT * FROM (SELECT team_id FROM messages m UNION ALL SELECT team_id FROM campaigns c) u"
        " WHERE u.team_id = $1"
    )
    assert use(text, "m").equal == use(text, "c").equal == {"team_id"}


def test_a_union_is_asked_branch_by_branch() -> None:
    text = "SELECT id FROM leads l WHERE team_id = $1 UNION SELECT id FROM messages m"
    assert (use(text, "l").equal, use(text, "m").equal) == ({"team_id"}, set())


@pytest.mark.parametrize(
    "source",
    [
        "unnest($1::bigint[]) AS x (id)",
        "unnest($1::bigint[]) AS id",
        "(VALUES ($1,$2), ($3,$4)) AS x (id, score)",
        "json_to_recordset($1) AS x (id bigint, score int)",
        "(SELECT $1::bigint AS id) AS x",
        "ROWS FROM (generate_series($1,$2)) AS x (id)",
    ],
)
def test_rows_made_of_parameters_are_parameters(source: str) -> None:
    name = "id.id" if source.endswith("AS id") else "x.id"
    assert use(f"SELECT * FROM leads l JOIN {source} ON l.id = {name}", "l").equal == {"id"}


def test_rows_made_of_columns_are_not() -> None:
    text = (
        "SELECT * FROM messages m, unnest(m.tags) AS x (tag) JOIN leads l ON l.email = x.tag WHERE m.id = $1"
    )
    assert use(text, "l").equal == set()


def test_joined_columns_are_told_apart_from_compared_ones() -> None:
    text = "SELECT * FROM leads l JOIN messages m ON m.lead_id = l.id WHERE l.team_id = $1"
    assert (use(text, "m").joined, use(text, "m").equal) == ({"lead_id"}, set())
    assert (use(text, "l").joined, use(text, "l").equal) == ({"id"}, {"team_id"})


def test_natural_joins_compare_every_column_of_one_name() -> None:
    text = "SELECT * FROM events e NATURAL JOIN teams t WHERE t.id = $1"
    assert use(text, "e").equal == {"id"}


# --- ties ---


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("SELECT * FROM leads l JOIN messages m ON m.lead_id = l.id", "l m"),
        ("SELECT * FROM leads l LEFT JOIN messages m ON m.lead_id = l.id", "l m"),
        ("SELECT * FROM messages m LEFT JOIN leads l ON m.lead_id = l.id", "l m"),
        ("SELECT * FROM leads l, messages m", "l"),
        ("SELECT * FROM leads l, messages m WHERE m.created_at > l.created_at", "l m"),
        ("SELECT * FROM leads l CROSS JOIN messages m WHERE m.id = $1", "l"),
        ("SELECT (SELECT count(*) FROM messages m) FROM leads l", "l"),
        ("SELECT (SELECT count(*) FROM messages m WHERE m.lead_id = l.id) FROM leads l", "l m"),
        ("SELECT * FROM messages m WHERE lead_id IN (SELECT id FROM leads l)", "l m"),
        ("SELECT * FROM messages m WHERE lead_id NOT IN (SELECT id FROM leads l)", "l"),
        ("SELECT * FROM messages m WHERE lead_id = (SELECT id FROM leads l LIMIT 1)", "l m"),
        ("SELECT * FROM leads l WHERE id = (SELECT lead_id FROM messages m LIMIT 1)", "l"),
        ("SELECT id FROM leads l UNION SELECT id FROM messages m", "l"),
        (
            "WITH RECURSIVE r AS (SELECT id, id AS up FROM leads l UNION ALL"
            " SELECT m.id, m.lead_id FROM messages m JOIN r ON m.lead_id = r.id) SELECT * FROM r",
            "l m",
        ),
        (
            "WITH gone AS (DELETE FROM leads l RETURNING id)"
            " SELECT * FROM messages m JOIN gone g ON g.id = m.lead_id",
            "l m",
        ),
    ],
)
def test_a_use_is_tied_to_another_by_what_joins_their_rows(text: str, reached: str) -> None:
    assert tied(text, "l", Hold.FIRMLY) == set(reached.split())


def test_rows_that_an_outer_join_may_have_made_up_tell_nothing_of_those_it_keeps() -> None:
    text = "SELECT * FROM messages m LEFT JOIN leads l ON m.lead_id = l.id"
    assert tied(text, "l", Hold.LOOSELY) == {"l"}
    assert tied(text, "m", Hold.LOOSELY) == {"l", "m"}


# --- order, groups, limits ---


def test_the_whole_order_of_a_lone_table_is_kept() -> None:
    found = use("SELECT * FROM leads WHERE team_id = $1 ORDER BY score DESC, created_at LIMIT $2")
    assert found.order == (OrderKey("score", True, True), OrderKey("created_at", False, False))
    assert (found.alone, found.limited) == (True, True)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("created_at DESC NULLS LAST", [("created_at", True, False)]),
        ("created_at NULLS FIRST", [("created_at", False, True)]),
        ("team_id, created_at", [("created_at", False, False)]),
        ("2", [("score", False, False)]),
        ("named DESC", [("email", True, True)]),
        ("l.id", [("id", False, False)]),
        ("lower(email)", []),
        ("created_at, lower(email)", []),
        ("derived", []),
        ("$2", []),
    ],
)
def test_an_order_is_of_plain_columns_that_differ(order: str, expected: list[tuple[str, bool, bool]]) -> None:
    found = use(
        "SELECT id, score, email AS named, score + 1 AS derived"
        f" FROM leads l WHERE team_id = $1 ORDER BY {order} LIMIT 5"
    )
    assert [(key.column, key.descending, key.nulls_first) for key in found.order] == expected


@pytest.mark.parametrize(
    "text",
    [
        "SELECT l.id FROM leads l JOIN messages m ON m.lead_id = l.id ORDER BY l.created_at",
        "SELECT status, count(*) FROM leads l GROUP BY status ORDER BY status",
        "SELECT DISTINCT status FROM leads l ORDER BY status",
    ],
)
def test_an_order_of_joined_or_condensed_rows_is_none_of_the_table(text: str) -> None:
    assert use(text, "l").order == ()


def test_an_order_and_a_limit_are_those_of_their_own_scope() -> None:
    text = (
        "UPDATE leads SET score = 1 WHERE team_id = $1 AND id ="
        " (SELECT id FROM leads x WHERE team_id = $1 ORDER BY score DESC LIMIT 1 FOR UPDATE SKIP LOCKED)"
    )
    inner, outer = use(text, "x"), use(text, "leads")
    assert (inner.order, inner.limited, inner.equal) == ((OrderKey("score", True, True),), True, {"team_id"})
    assert (outer.order, outer.limited, outer.equal) == ((), False, {"team_id"})
    assert not shape(text).limited


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("SELECT status, count(*) FROM leads GROUP BY status, score", "status score"),
        ("SELECT status AS s, count(*) FROM leads GROUP BY s", "status"),
        ("SELECT status, count(*) FROM leads GROUP BY 1", "status"),
        ("SELECT date_trunc('day', created_at) AS day, count(*) FROM leads GROUP BY day", ""),
        ("SELECT score + 1 AS status, count(*) FROM leads GROUP BY status", "status"),
    ],
)
def test_groups_are_told_by_column(text: str, grouped: str) -> None:
    assert use(text).grouped == set(grouped.split())
    assert shape(text).condensed


@pytest.mark.parametrize(
    ("tail", "limited"),
    [
        ("LIMIT 5", True),
        ("LIMIT $1 OFFSET $2", True),
        ("FETCH FIRST $1 ROWS ONLY", True),
        ("FOR UPDATE SKIP LOCKED LIMIT $1", True),
        ("LIMIT ALL", False),
        ("LIMIT NULL", False),
        ("OFFSET 5", False),
        ("", False),
    ],
)
def test_a_limit_is_one_that_limits(tail: str, limited: bool) -> None:
    assert shape(f"SELECT * FROM leads {tail}").limited is limited


def test_a_union_has_the_limit_after_it() -> None:
    assert shape("SELECT id FROM leads UNION ALL SELECT id FROM messages LIMIT 5").limited
    assert not shape("(SELECT id FROM leads LIMIT 5) UNION ALL SELECT id FROM messages").limited


@pytest.mark.parametrize(
    ("columns", "one_row"),
    [
        ("count(*)", True),
        ("coalesce(sum(score), 0), max(created_at)", True),
        ("count(*) FILTER (WHERE score > 1)", True),
        ("percentile_cont(0.95) WITHIN GROUP (ORDER BY score)", True),
        ("jsonb_agg(leads)", True),
        ("sum(score) OVER ()", False),
        ("id, (SELECT count(*) FROM messages)", False),
        ("score", False),
    ],
)
def test_aggregates_alone_give_one_row(columns: str, one_row: bool) -> None:
    assert shape(f"SELECT {columns} FROM leads").one_row is one_row


# --- writes ---


@pytest.mark.parametrize(
    ("text", "supplies"),
    [
        ("INSERT INTO leads (id, Team_ID) VALUES ($1,$2) ON CONFLICT (id) DO NOTHING", "id team_id"),
        ("INSERT INTO leads AS l (id) SELECT lead_id FROM messages WHERE team_id = $1", "id"),
        ("INSERT INTO leads DEFAULT VALUES", ""),
    ],
)
def test_an_insert_tells_what_it_supplies(text: str, supplies: str) -> None:
    (written,) = [use for use in shape(text).uses if use.access == "insert"]
    assert written.supplies == set(supplies.split())


def test_an_insert_without_columns_supplies_all() -> None:
    assert use("INSERT INTO leads VALUES ($1,$2)").supplies is None


def test_an_insert_reads_its_source() -> None:
    found = use("INSERT INTO leads (id) SELECT lead_id FROM messages m WHERE m.team_id = $1", "m")
    assert (found.access, found.equal) == ("read", {"team_id"})


def test_an_update_tells_what_it_sets_and_by_what_it_finds() -> None:
    found = use(
        "UPDATE ONLY leads AS l SET score = score + 1, (status, email) = ($1,$2) WHERE l.team_id = $3"
    )
    assert (found.access, found.assigned) == ("update", {"score", "status", "email"})
    assert found.equal == {"team_id"}


def test_a_merge_supplies_and_finds() -> None:
    text = (
        "MERGE INTO leads l USING (SELECT $1::bigint AS team_id, $2 AS id) s"
        " ON l.team_id = s.team_id AND l.id = s.id WHEN MATCHED THEN UPDATE SET score = 1"
        " WHEN NOT MATCHED THEN INSERT (id, team_id) VALUES (s.id, s.team_id)"
    )
    found = use(text)
    assert (found.access, found.supplies, found.equal) == ("merge", {"id", "team_id"}, {"team_id", "id"})


def test_a_merge_reads_its_whole_source() -> None:
    text = (
        "MERGE INTO leads l USING messages m ON l.id = m.lead_id AND m.team_id = $1 AND l.team_id = $1"
        " WHEN MATCHED THEN DELETE"
    )
    assert (use(text, "l").held.keys(), use(text, "m").held.keys()) == ({"team_id"}, set())


def test_a_statement_within_with_is_read_too() -> None:
    text = (
        "WITH moved AS (DELETE FROM messages m WHERE m.team_id = $1 RETURNING lead_id)"
        " UPDATE leads l SET score = 0 FROM moved WHERE l.id = moved.lead_id"
    )
    assert (use(text, "m").access, use(text, "m").equal) == ("delete", {"team_id"})
    assert use(text, "l").joined == {"id"}


def test_the_same_text_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = Shapes(SNAPSHOT)
    first = shapes.of("SELECT * FROM leads")
    monkeypatch.setattr("tenfold.rules.shapes.parse", None)
    assert shapes.of("SELECT * FROM leads") is first
