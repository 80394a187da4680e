"""Schemas as frameworks and people write them, each with the tenancy that its maker would name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tenfold.catalog.reader import read_snapshot
from tenfold.errors import ConfigError
from tenfold.model.config import TenancyConfig
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import Tenancy
from tenfold.pg.connect import connect, execute_script
from tenfold.tenancy.detect import find_tenancy

Read = Callable[[str], Snapshot]


@pytest.fixture
def read(database: str) -> Iterator[Read]:
    """The snapshot of a database with this schema."""
    with contextlib.closing(connect(database, writable=True)) as connection:

        def load(schema: str) -> Snapshot:
            execute_script(connection, schema)
            return read_snapshot(connection)

        yield load


def parts(snapshot: Snapshot, tenancy: Tenancy) -> dict[str, str]:
    """Each table's class, by the name that reports use."""
    return {snapshot.relation_by_oid[table.relation].display: table.table_class for table in tenancy.tables}


def why(snapshot: Snapshot, tenancy: Tenancy, table: str) -> str:
    (found,) = [
        part.why for part in tenancy.tables if snapshot.relation_by_oid[part.relation].display == table
    ]
    return found


def root(snapshot: Snapshot, tenancy: Tenancy) -> str | None:
    oid = tenancy.tenant_table
    return None if oid is None else snapshot.relation_by_oid[oid].display


def tables(column: str, *names: str, key: str = "id bigint PRIMARY KEY") -> str:
    return "".join(f"CREATE TABLE {name} ({key}, {column});" for name in names)


# --- as frameworks write them ---

RAILS = """
CREATE TABLE schema_migrations (version text PRIMARY KEY);
CREATE TABLE ar_internal_metadata (key text PRIMARY KEY);
CREATE TABLE active_storage_blobs (id bigint PRIMARY KEY);
CREATE TABLE active_storage_attachments (id bigint PRIMARY KEY, record_id bigint, blob_id bigint NOT NULL);
CREATE TABLE active_storage_variant_records (id bigint PRIMARY KEY, blob_id bigint NOT NULL);
CREATE TABLE accounts (id bigint PRIMARY KEY, name text);
CREATE TABLE users (id bigint PRIMARY KEY, account_id bigint NOT NULL, email text);
CREATE TABLE projects (id bigint PRIMARY KEY, account_id bigint NOT NULL, user_id bigint);
CREATE TABLE tasks (id bigint PRIMARY KEY, account_id bigint NOT NULL, project_id bigint, user_id bigint);
CREATE TABLE comments (id bigint PRIMARY KEY, account_id bigint, task_id bigint, user_id bigint);
CREATE TABLE plans (id bigint PRIMARY KEY);
"""


def test_rails_by_names_alone(read: Read) -> None:
    snapshot = read(RAILS)
    tenancy = find_tenancy(snapshot)
    assert (tenancy.column, root(snapshot, tenancy), tenancy.tenant_key) == ("account_id", "accounts", "id")
    assert parts(snapshot, tenancy) == {
        "schema_migrations": "shared",
        "ar_internal_metadata": "shared",
        "active_storage_blobs": "shared",
        "active_storage_attachments": "shared",
        "active_storage_variant_records": "shared",
        "accounts": "tenant_table",
        "users": "tenant",
        "projects": "tenant",
        "tasks": "tenant",
        "comments": "tenant",
        "plans": "shared",
    }
    assert tenancy.evidence == (
        "account_id is on 4 of 11 tables",
        "accounts has the name that goes with it",
        "80% of the tables belong to it",
    )


DJANGO = """
CREATE TABLE django_migrations (id int PRIMARY KEY);
CREATE TABLE django_content_type (id int PRIMARY KEY);
CREATE TABLE django_session (session_key text PRIMARY KEY);
CREATE TABLE auth_group (id int PRIMARY KEY);
CREATE TABLE auth_permission (
  id int PRIMARY KEY, content_type_id int NOT NULL REFERENCES django_content_type);
CREATE TABLE accounts_customuser (id int PRIMARY KEY);
CREATE TABLE django_admin_log (id int PRIMARY KEY, user_id int NOT NULL REFERENCES accounts_customuser);
CREATE SCHEMA core;
CREATE TABLE core.tenant (id uuid PRIMARY KEY);
"""
DJANGO_TABLE = """
CREATE TABLE core.{0} (
  id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES core.tenant DEFERRABLE INITIALLY DEFERRED,
  created_by_id int NOT NULL REFERENCES public.accounts_customuser,
  modified_by_id int NOT NULL REFERENCES public.accounts_customuser);
"""


def test_django_with_a_schema_of_its_own_and_uuid_keys(read: Read) -> None:
    snapshot = read(DJANGO + "".join(DJANGO_TABLE.format(name) for name in ("invoice", "line", "payment")))
    tenancy = find_tenancy(snapshot)
    assert (tenancy.column, root(snapshot, tenancy)) == ("tenant_id", "core.tenant")
    assert (tenancy.column_type, tenancy.tenant_key) == ("uuid", "id")
    assert tenancy.count("tenant") == 3
    assert parts(snapshot, tenancy)["accounts_customuser"] == "shared"


def test_who_made_a_row_is_not_its_tenant(read: Read) -> None:
    """Django and Odoo put the maker on every table; without a tenant there is none."""
    schema = "CREATE TABLE res_users (id int PRIMARY KEY);" + tables(
        "create_uid int NOT NULL REFERENCES res_users, created_by_id int NOT NULL REFERENCES res_users",
        *("sale_order", "stock_move", "product", "invoice"),
    )
    tenancy = find_tenancy(read(schema))
    assert tenancy.column is None


ODOO = """
CREATE TABLE res_users (id int PRIMARY KEY, company_id int NOT NULL);
CREATE TABLE res_company (id int PRIMARY KEY, create_uid int REFERENCES res_users);
ALTER TABLE res_users ADD FOREIGN KEY (company_id) REFERENCES res_company;
CREATE TABLE res_currency (id int PRIMARY KEY, create_uid int REFERENCES res_users);
CREATE TABLE sale_order (id int PRIMARY KEY, company_id int NOT NULL REFERENCES res_company,
  create_uid int REFERENCES res_users);
CREATE TABLE sale_order_line (id int PRIMARY KEY,
  order_id int NOT NULL REFERENCES sale_order ON DELETE CASCADE,
  create_uid int REFERENCES res_users);
CREATE TABLE account_move (id int PRIMARY KEY, company_id int NOT NULL REFERENCES res_company,
  currency_id int NOT NULL REFERENCES res_currency, create_uid int REFERENCES res_users);
"""


def test_odoo_by_its_company(read: Read) -> None:
    snapshot = read(ODOO)
    tenancy = find_tenancy(snapshot)
    assert (tenancy.column, root(snapshot, tenancy)) == ("company_id", "res_company")
    assert parts(snapshot, tenancy)["sale_order_line"] == "child"
    assert parts(snapshot, tenancy)["res_currency"] == "shared"


PRISMA = """
CREATE TABLE "_prisma_migrations" (id text PRIMARY KEY);
CREATE TABLE "Organization" (id text PRIMARY KEY, slug text UNIQUE);
CREATE TABLE "User" (id text PRIMARY KEY, email text);
CREATE TABLE "Account" (id text PRIMARY KEY, "userId" text NOT NULL, "providerAccountId" text);
CREATE TABLE "Session" (id text PRIMARY KEY, "userId" text NOT NULL);
CREATE TABLE "Membership" (id text PRIMARY KEY, "userId" text NOT NULL, "organizationId" text NOT NULL);
CREATE TABLE "Project" (id text PRIMARY KEY, "organizationId" text NOT NULL, "ownerId" text);
CREATE TABLE "Document" (id text PRIMARY KEY, "organizationId" text NOT NULL, "projectId" text);
CREATE TABLE "ApiKey" (id text PRIMARY KEY, "organizationId" text NOT NULL);
"""


@pytest.mark.parametrize("keyed", [True, False])
def test_prisma_in_camel_case(read: Read, keyed: bool) -> None:
    keys = """
        ALTER TABLE "Membership" ADD FOREIGN KEY ("organizationId") REFERENCES "Organization";
        ALTER TABLE "Project" ADD FOREIGN KEY ("organizationId") REFERENCES "Organization";
    """
    snapshot = read(PRISMA + (keys if keyed else ""))
    tenancy = find_tenancy(snapshot)
    assert (tenancy.column, root(snapshot, tenancy)) == ("organizationId", '"Organization"')
    assert tenancy.setting == "app.organizationId"
    assert [name for name, part in parts(snapshot, tenancy).items() if part == "tenant"] == [
        '"Membership"',
        '"Project"',
        '"Document"',
        '"ApiKey"',
    ]


SUPABASE = """
CREATE SCHEMA auth;
CREATE TABLE auth.users (instance_id uuid, id uuid PRIMARY KEY, email text);
CREATE TABLE auth.identities (id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE);
CREATE TABLE auth.sessions (id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE);
CREATE TABLE auth.mfa_factors (id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES auth.users ON DELETE CASCADE);
CREATE TABLE auth.refresh_tokens (instance_id uuid, id bigint PRIMARY KEY,
  session_id uuid REFERENCES auth.sessions);
CREATE TABLE auth.audit_log_entries (instance_id uuid, id uuid PRIMARY KEY);
CREATE TABLE auth.schema_migrations (version text PRIMARY KEY);
CREATE SCHEMA storage;
CREATE TABLE storage.buckets (id text PRIMARY KEY, owner uuid);
CREATE TABLE storage.objects (id uuid PRIMARY KEY, bucket_id text REFERENCES storage.buckets, owner uuid);
CREATE TABLE profiles (id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE, name text);
CREATE TABLE organizations (id uuid PRIMARY KEY, created_by uuid REFERENCES auth.users);
CREATE TABLE members (org_id uuid REFERENCES organizations ON DELETE CASCADE,
  user_id uuid REFERENCES auth.users,
  PRIMARY KEY (org_id, user_id));
CREATE TABLE boards (id uuid PRIMARY KEY, org_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE);
CREATE TABLE cards (id uuid PRIMARY KEY, board_id uuid NOT NULL REFERENCES boards ON DELETE CASCADE);
CREATE TABLE card_labels (card_id uuid REFERENCES cards ON DELETE CASCADE, label text,
  PRIMARY KEY (card_id, label));
"""


def test_supabase_with_its_users_in_another_schema(read: Read) -> None:
    snapshot = read(SUPABASE)
    tenancy = find_tenancy(snapshot)
    assert (tenancy.column, root(snapshot, tenancy)) == ("org_id", "organizations")
    found = parts(snapshot, tenancy)
    assert {name for name, part in found.items() if part == "tenant"} == {"members", "boards"}
    assert {name for name, part in found.items() if part == "child"} == {"cards", "card_labels"}
    assert {part for name, part in found.items() if name.startswith(("auth.", "storage."))} == {"shared"}
    assert found["profiles"] == "shared"


def test_excluded_schemas_are_not_judged(read: Read) -> None:
    snapshot = read(SUPABASE)
    tenancy = find_tenancy(snapshot, exclude_schemas=("auth", "storage"))
    assert tenancy.column == "org_id"
    assert not any("." in name for name in parts(snapshot, tenancy))


# --- more than one column ---


def test_an_organization_above_its_teams_is_the_tenant(read: Read) -> None:
    snapshot = read(
        "CREATE TABLE organizations (id int PRIMARY KEY);"
        "CREATE TABLE teams (id int PRIMARY KEY, organization_id int NOT NULL REFERENCES organizations);"
        + tables(
            "organization_id int NOT NULL REFERENCES organizations, team_id int NOT NULL REFERENCES teams",
            *("messages", "files", "tasks", "notes"),
        )
    )
    tenancy = find_tenancy(snapshot)
    assert (tenancy.column, tenancy.columns) == ("organization_id", ("organization_id",))
    assert parts(snapshot, tenancy)["teams"] == "tenant"


def test_an_account_above_its_teams_is_the_tenant_though_its_name_says_less(read: Read) -> None:
    snapshot = read(
        "CREATE TABLE accounts (id int PRIMARY KEY);"
        "CREATE TABLE teams (id int PRIMARY KEY, account_id int NOT NULL);"
        + tables("account_id int NOT NULL, team_id int NOT NULL", "messages", "files", "tasks")
    )
    assert find_tenancy(snapshot).column == "account_id"


def test_a_billing_account_on_few_tables_does_not_take_the_place_of_the_team(read: Read) -> None:
    snapshot = read(
        "CREATE TABLE organizations (id int PRIMARY KEY);"
        "CREATE TABLE teams (id int PRIMARY KEY, organization_id int NOT NULL REFERENCES organizations);"
        "CREATE TABLE invoices (id int PRIMARY KEY, organization_id int NOT NULL REFERENCES organizations);"
        + tables("team_id int NOT NULL REFERENCES teams", *(f"t{number}" for number in range(8)))
    )
    assert find_tenancy(snapshot).column == "team_id"


def test_a_customers_company_inside_a_team_is_not_the_tenant(read: Read) -> None:
    """A CRM calls what it sells to `organizations`, and its own customer a team."""
    snapshot = read(
        "CREATE TABLE teams (id int PRIMARY KEY);"
        "CREATE TABLE organizations (id int PRIMARY KEY, team_id int NOT NULL REFERENCES teams);"
        + tables(
            "team_id int NOT NULL REFERENCES teams, organization_id int NOT NULL REFERENCES organizations",
            *("contacts", "deals", "calls"),
        )
    )
    tenancy = find_tenancy(snapshot)
    assert (tenancy.column, root(snapshot, tenancy)) == ("team_id", "teams")


@pytest.mark.parametrize("keyed", [True, False])
def test_two_names_for_one_table_are_one_column(read: Read, keyed: bool) -> None:
    references = "REFERENCES organizations" if keyed else ""
    snapshot = read(
        "CREATE TABLE organizations (id int PRIMARY KEY);"
        + tables(f"organization_id int NOT NULL {references}", "a", "b", "c")
        + tables(f"org_id int NOT NULL {references}", "d", "e")
    )
    tenancy = find_tenancy(snapshot)
    assert (tenancy.column, tenancy.columns) == ("organization_id", ("organization_id", "org_id"))
    assert tenancy.count("tenant") == 5
    assert {part.column for part in tenancy.tables if part.table_class == "tenant"} == {
        "organization_id",
        "org_id",
    }


def test_another_key_to_the_tenant_table_is_the_column_of_its_table(read: Read) -> None:
    snapshot = read(
        "CREATE TABLE teams (id int PRIMARY KEY);"
        + tables("team_id int NOT NULL REFERENCES teams", "a", "b")
        + "CREATE TABLE team_profiles (id int PRIMARY KEY REFERENCES teams);"
        "CREATE TABLE users (id int PRIMARY KEY, default_team int REFERENCES teams);"
        "CREATE TABLE transfers (id int PRIMARY KEY, giver int NOT NULL REFERENCES teams,"
        " taker int NOT NULL REFERENCES teams);"
    )
    tenancy = find_tenancy(snapshot)
    found = parts(snapshot, tenancy)
    assert (found["team_profiles"], found["users"], found["transfers"]) == ("tenant", "shared", "child")
    assert why(snapshot, tenancy, "team_profiles") == "its id leads to teams"


# --- no tenant ---

PAGILA = """
CREATE TABLE country (country_id int PRIMARY KEY);
CREATE TABLE city (city_id int PRIMARY KEY, country_id int NOT NULL REFERENCES country);
CREATE TABLE address (address_id int PRIMARY KEY, city_id int NOT NULL REFERENCES city);
CREATE TABLE store (store_id int PRIMARY KEY, manager_staff_id int,
  address_id int NOT NULL REFERENCES address);
CREATE TABLE staff (staff_id int PRIMARY KEY, address_id int NOT NULL REFERENCES address,
  store_id int NOT NULL REFERENCES store);
CREATE TABLE customer (customer_id int PRIMARY KEY, store_id int NOT NULL REFERENCES store,
  address_id int NOT NULL REFERENCES address);
CREATE TABLE language (language_id int PRIMARY KEY);
CREATE TABLE actor (actor_id int PRIMARY KEY);
CREATE TABLE category (category_id int PRIMARY KEY);
CREATE TABLE film (film_id int PRIMARY KEY, language_id int NOT NULL REFERENCES language);
CREATE TABLE film_actor (actor_id int NOT NULL REFERENCES actor, film_id int NOT NULL REFERENCES film);
CREATE TABLE film_category (film_id int NOT NULL REFERENCES film,
  category_id int NOT NULL REFERENCES category);
CREATE TABLE inventory (inventory_id int PRIMARY KEY, film_id int NOT NULL REFERENCES film,
  store_id int NOT NULL REFERENCES store);
CREATE TABLE rental (rental_id int PRIMARY KEY, inventory_id int NOT NULL REFERENCES inventory,
  customer_id int NOT NULL REFERENCES customer, staff_id int NOT NULL REFERENCES staff);
CREATE TABLE payment (payment_id int, payment_date date, customer_id int NOT NULL REFERENCES customer,
  staff_id int NOT NULL REFERENCES staff, rental_id int NOT NULL REFERENCES rental)
  PARTITION BY RANGE (payment_date);
"""

SHOP = """
CREATE TABLE customers (customer_id int PRIMARY KEY);
CREATE TABLE products (id int PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers);
CREATE TABLE order_items (order_id int NOT NULL REFERENCES orders,
  product_id int NOT NULL REFERENCES products);
CREATE TABLE carts (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers);
CREATE TABLE cart_items (cart_id int NOT NULL REFERENCES carts, product_id int NOT NULL REFERENCES products);
CREATE TABLE addresses (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers);
CREATE TABLE reviews (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers,
  product_id int NOT NULL REFERENCES products);
"""

ISSUES = "CREATE TABLE projects (id int PRIMARY KEY); CREATE TABLE labels (id int PRIMARY KEY);" + tables(
    "project_id int NOT NULL REFERENCES projects", "issues", "boards", "milestones"
)


@pytest.mark.parametrize("schema", [PAGILA, SHOP, ISSUES], ids=["pagila", "shop", "issues"])
def test_a_product_of_one_firm_has_no_tenant(read: Read, schema: str) -> None:
    """Its commonest key is not taken for one: half of the database does not hang on it."""
    snapshot = read(schema)
    tenancy = find_tenancy(snapshot)
    assert tenancy.column is None
    assert set(parts(snapshot, tenancy).values()) == {"shared"}


def test_a_user_on_every_table_is_not_a_tenant(read: Read) -> None:
    schema = "CREATE TABLE users (id int PRIMARY KEY);" + tables(
        "user_id int NOT NULL REFERENCES users ON DELETE CASCADE", "notes", "tags", "files", "devices"
    )
    assert find_tenancy(read(schema)).column is None


def test_a_user_is_the_tenant_where_the_configuration_says_so(read: Read) -> None:
    snapshot = read(
        "CREATE TABLE users (id int PRIMARY KEY);" + tables("user_id int NOT NULL", "notes", "tags")
    )
    tenancy = find_tenancy(snapshot, TenancyConfig(columns=("user_id",)))
    assert (root(snapshot, tenancy), tenancy.count("tenant")) == ("users", 2)


def test_a_company_in_words_is_somebodys_employer(read: Read) -> None:
    schema = tables("company text, account text", "contacts", "deals", "calls")
    assert find_tenancy(read(schema)).column is None


def test_a_shop_that_other_firms_rent_has_tenants(read: Read) -> None:
    """With its products the whole database hangs on the shop, whatever customers it has."""
    snapshot = read(
        "CREATE TABLE shops (id int PRIMARY KEY);"
        "CREATE TABLE customers (id int PRIMARY KEY, shop_id int NOT NULL REFERENCES shops);"
        "CREATE TABLE products (id int PRIMARY KEY, shop_id int NOT NULL REFERENCES shops);"
        "CREATE TABLE orders (id int PRIMARY KEY, shop_id int NOT NULL REFERENCES shops,"
        " customer_id int NOT NULL REFERENCES customers);"
        "CREATE TABLE order_items (order_id int NOT NULL REFERENCES orders,"
        " product_id int REFERENCES products);"
    )
    tenancy = find_tenancy(snapshot)
    assert tenancy.column == "shop_id"
    assert parts(snapshot, tenancy)["order_items"] == "child"


def test_another_name_needs_nearly_all_tables_and_their_keys(read: Read) -> None:
    snapshot = read(
        "CREATE TABLE guilds (id int PRIMARY KEY);"
        + tables("guild_id int NOT NULL REFERENCES guilds", "channels", "roles", "messages")
    )
    assert find_tenancy(snapshot).column == "guild_id"


# --- which tables are children ---

BASE = "CREATE TABLE teams (id int PRIMARY KEY);" + tables(
    "team_id int NOT NULL REFERENCES teams", "projects", "posts"
)


def test_children_are_found_two_levels_deep_with_their_way(read: Read) -> None:
    snapshot = read(
        BASE + "CREATE TABLE tasks (id int PRIMARY KEY, project_id int NOT NULL REFERENCES projects);"
        "CREATE TABLE steps (id int PRIMARY KEY, task_id int NOT NULL REFERENCES tasks);"
    )
    tenancy = find_tenancy(snapshot)
    steps = tenancy.of(snapshot.relation_by_name["public", "steps"].oid)
    assert steps is not None
    names = {constraint.oid: constraint.name for constraint in snapshot.constraints}
    assert [names[oid] for oid in steps.path] == ["steps_task_id_fkey", "tasks_project_id_fkey"]
    assert steps.why == "steps_task_id_fkey leads to tasks"


def test_a_sure_way_goes_before_a_shorter_one_that_may_be_missing(read: Read) -> None:
    snapshot = read(
        BASE + "CREATE TABLE tasks (id int PRIMARY KEY, project_id int NOT NULL REFERENCES projects);"
        "CREATE TABLE steps (id int PRIMARY KEY, post_id int REFERENCES posts,"
        " task_id int NOT NULL REFERENCES tasks);"
    )
    tenancy = find_tenancy(snapshot)
    assert why(snapshot, tenancy, "steps") == "steps_task_id_fkey leads to tasks"


def test_a_comment_on_either_a_post_or_a_project_is_a_child(read: Read) -> None:
    snapshot = read(
        BASE + "CREATE TABLE comments (id int PRIMARY KEY, post_id int REFERENCES posts,"
        " project_id int REFERENCES projects, CHECK (num_nonnulls(post_id, project_id) = 1));"
        "CREATE TABLE likes (id int PRIMARY KEY, comment_id int NOT NULL REFERENCES comments);"
    )
    found = parts(snapshot, find_tenancy(snapshot))
    assert (found["comments"], found["likes"]) == ("child", "child")


@pytest.mark.parametrize(
    "preference",
    ["last_project_id int REFERENCES projects ON DELETE SET NULL", "last_project_id int REFERENCES projects"],
)
def test_a_user_with_a_last_project_stays_shared(read: Read, preference: str) -> None:
    snapshot = read(
        BASE + f"CREATE TABLE users (id int PRIMARY KEY, {preference});"
        "CREATE TABLE sessions (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users);"
        "ALTER TABLE projects ADD owner_id int REFERENCES users;"
    )
    found = parts(snapshot, find_tenancy(snapshot))
    assert (found["users"], found["sessions"]) == ("shared", "shared")


def test_keys_in_a_circle_and_to_oneself_end(read: Read) -> None:
    snapshot = read(
        BASE + "CREATE TABLE a (id int PRIMARY KEY, parent_id int REFERENCES a);"
        "CREATE TABLE b (id int PRIMARY KEY, a_id int NOT NULL REFERENCES a,"
        " post_id int NOT NULL REFERENCES posts);"
        "ALTER TABLE a ADD b_id int NOT NULL REFERENCES b;"
        "CREATE TABLE c (id int PRIMARY KEY);"
        "CREATE TABLE d (id int PRIMARY KEY, c_id int NOT NULL REFERENCES c);"
        "ALTER TABLE c ADD d_id int NOT NULL REFERENCES d;"
        "ALTER TABLE teams ADD parent_id int REFERENCES teams;"
    )
    found = parts(snapshot, find_tenancy(snapshot))
    assert {name: found[name] for name in "abcd"} == {
        "a": "child",
        "b": "child",
        "c": "shared",
        "d": "shared",
    }
    assert found["teams"] == "tenant_table"


def test_a_partitioned_table_is_judged_once(read: Read) -> None:
    snapshot = read(
        BASE + "CREATE TABLE events (at date, team_id int NOT NULL REFERENCES teams) PARTITION BY RANGE (at);"
        "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
        "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');"
        "CREATE TABLE lines (id int PRIMARY KEY, project_id int NOT NULL) PARTITION BY HASH (id);"
        "CREATE TABLE lines_1 PARTITION OF lines FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
        "ALTER TABLE lines ADD FOREIGN KEY (project_id) REFERENCES projects;"
    )
    tenancy = find_tenancy(snapshot)
    assert parts(snapshot, tenancy) == {
        "teams": "tenant_table",
        "projects": "tenant",
        "posts": "tenant",
        "events": "tenant",
        "lines": "child",
    }
    assert tenancy.evidence[:2] == (
        "team_id is on 3 of 5 tables",
        "3 foreign keys lead from it to teams",
    )


def test_tables_of_extensions_and_temporary_ones_are_left_out(read: Read) -> None:
    snapshot = read(
        BASE + "CREATE TABLE jobs (id int PRIMARY KEY, post_id int NOT NULL REFERENCES posts);"
        "ALTER EXTENSION plpgsql ADD TABLE jobs; CREATE TEMPORARY TABLE scratch (team_id int);"
    )
    assert set(parts(snapshot, find_tenancy(snapshot))) == {"teams", "projects", "posts"}


def test_two_schemas_with_the_same_tables_are_told_apart(read: Read) -> None:
    one = "CREATE SCHEMA {0}; CREATE TABLE {0}.tenants (id int PRIMARY KEY);"
    table = "CREATE TABLE {0}.{1} (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES {0}.tenants);"
    snapshot = read(
        one.format("old")
        + one.format("app")
        + "".join(table.format("app", name) for name in ("a", "b", "c"))
        + "".join(table.format("old", name) for name in ("a", "b"))
    )
    tenancy = find_tenancy(snapshot)
    assert root(snapshot, tenancy) == "app.tenants"
    assert parts(snapshot, tenancy)["old.tenants"] == "shared"
    assert tenancy.count("tenant") == 5


def test_by_name_the_table_in_the_schema_of_most_is_taken(read: Read) -> None:
    snapshot = read(
        "CREATE SCHEMA app; CREATE TABLE app.tenants (id int PRIMARY KEY);"
        "CREATE TABLE tenants (id int PRIMARY KEY); CREATE SCHEMA zoo; CREATE TABLE zoo.tenant (id int);"
        + tables("tenant_id int NOT NULL", "app.a", "app.b")
        + tables("tenant_id int NOT NULL", "zoo.c")
    )
    assert root(snapshot, find_tenancy(snapshot)) == "app.tenants"


def test_odd_names_give_a_setting_that_the_server_takes(read: Read, database: str) -> None:
    snapshot = read(tables('"Tenant 🙂 id" int NOT NULL', "a", "b"))
    tenancy = find_tenancy(snapshot, TenancyConfig(columns=("Tenant 🙂 id",)))
    assert tenancy.setting == "app.Tenant___id"
    with contextlib.closing(connect(database, writable=True)) as connection:
        connection.execute("SELECT set_config(%s, '1', false)", [tenancy.setting])


# --- what the configuration says ---


@pytest.fixture
def inherited(read: Read) -> Snapshot:
    return read(
        BASE
        + """
        CREATE SCHEMA old;
        CREATE TABLE old.posts (id int PRIMARY KEY);
        CREATE TABLE tags (id int PRIMARY KEY, post_id int NOT NULL REFERENCES posts);
        CREATE TABLE countries (id int PRIMARY KEY);
        CREATE TABLE guilds (id int PRIMARY KEY);
        CREATE TABLE chats (id int PRIMARY KEY, guild int NOT NULL REFERENCES guilds);
        """
    )


def test_columns_that_are_told_need_no_evidence(inherited: Snapshot) -> None:
    tenancy = find_tenancy(inherited, TenancyConfig(columns=("guild",)))
    assert (tenancy.column, root(inherited, tenancy)) == ("guild", "guilds")
    assert tenancy.evidence[0] == "the configuration names it"
    assert parts(inherited, tenancy)["posts"] == "shared"


def test_several_columns_may_be_told_the_commonest_is_the_column(inherited: Snapshot) -> None:
    tenancy = find_tenancy(inherited, TenancyConfig(columns=("guild", "team_id")))
    assert (tenancy.column, tenancy.columns) == ("team_id", ("team_id", "guild"))
    assert parts(inherited, tenancy)["chats"] == "tenant"


@pytest.mark.parametrize("name", ["guilds", "public.guilds"])
def test_a_tenant_table_that_is_told_tells_the_column(inherited: Snapshot, name: str) -> None:
    tenancy = find_tenancy(inherited, TenancyConfig(tenant_table=name))
    assert (tenancy.column, root(inherited, tenancy)) == ("guild", "guilds")


def test_a_told_tenant_table_may_be_another_than_the_keys_lead_to(inherited: Snapshot) -> None:
    tenancy = find_tenancy(inherited, TenancyConfig(columns=("team_id",), tenant_table="guilds"))
    assert (root(inherited, tenancy), tenancy.tenant_key) == ("guilds", "id")


def test_classes_that_are_told_prevail(inherited: Snapshot) -> None:
    tenancy = find_tenancy(
        inherited,
        TenancyConfig(classes={"public.posts": "shared", "countries": "child", "chats": "child"}),
    )
    found = parts(inherited, tenancy)
    assert (found["posts"], found["tags"]) == ("shared", "shared")
    assert (found["countries"], found["chats"]) == ("child", "child")
    assert why(inherited, tenancy, "countries") == "the configuration says so"


def test_a_told_child_keeps_the_way_that_is_there(inherited: Snapshot) -> None:
    tenancy = find_tenancy(inherited, TenancyConfig(classes={"tags": "child"}))
    tags = tenancy.of(inherited.relation_by_name["public", "tags"].oid)
    assert tags is not None
    assert len(tags.path) == 1
    assert tags.why == "the configuration says so; tags_post_id_fkey leads to posts"


def test_setting_and_role_are_taken_as_told(inherited: Snapshot) -> None:
    tenancy = find_tenancy(inherited, TenancyConfig(setting="my.tenant", application_role="app"))
    assert (tenancy.setting, tenancy.application_role) == ("my.tenant", "app")


def test_setting_role_and_classes_hold_where_no_tenancy_is_found(read: Read) -> None:
    snapshot = read("CREATE TABLE a (id int); CREATE TABLE b (id int)")
    config = TenancyConfig(setting="my.tenant", application_role="app", classes={"a": "child"})
    tenancy = find_tenancy(snapshot, config)
    assert (tenancy.column, tenancy.setting, tenancy.application_role) == (None, "my.tenant", "app")
    assert parts(snapshot, tenancy) == {"a": "child", "b": "shared"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (TenancyConfig(columns=("org_id",)), "columns names org_id, which no table has"),
        (TenancyConfig(columns=("team_id", "org_id")), "columns names org_id, which no table has"),
        (TenancyConfig(tenant_table="orgs"), "tenant_table names 'orgs', and there is no such table"),
        (
            TenancyConfig(tenant_table="posts"),
            "tenant_table names 'posts', which is in old, public; write schema.name",
        ),
        (TenancyConfig(tenant_table="countries"), "no foreign key leads to it; name the column in columns"),
        (TenancyConfig(classes={"orgs": "shared"}), "classes names 'orgs', and there is no such table"),
        (
            TenancyConfig(classes={"countries": "tenant"}),
            "tells countries a tenant table, and it has no tenant",
        ),
        (TenancyConfig(classes={"teams": "tenant_table", "guilds": "tenant_table"}), "tells 2 tenant tables"),
        (TenancyConfig(tenant_table="teams", classes={"guilds": "tenant_table"}), "tells 2 tenant tables"),
        (TenancyConfig(tenant_table="teams", classes={"teams": "shared"}), "in classes another part"),
        (TenancyConfig(setting="tenant_id"), "setting 'tenant_id' is no name such as app.tenant_id"),
        (TenancyConfig(setting="app.tenant id"), "is no name such as app.tenant_id"),
    ],
)
def test_what_the_database_contradicts_is_one_clear_line(
    inherited: Snapshot, config: TenancyConfig, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        find_tenancy(inherited, config)
    assert said in str(caught.value)
    assert str(caught.value).startswith("[tenancy] ")
    assert "\n" not in str(caught.value)
