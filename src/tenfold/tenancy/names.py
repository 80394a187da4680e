"""The names that tenant columns and tenant tables go by.

How much a name says, from 0 to 1, is what products of many languages and frameworks call their customers. A
name alone never decides: `detect` asks for tables and foreign keys as well, the more the less the name says.
"""

from __future__ import annotations

import re
from functools import cache

#: What `likelihood` says of a name.
CERTAIN, LIKELY, SHOPPER, OTHER, PERSON = 1.0, 0.6, 0.4, 0.25, 0.05

_CERTAIN = frozenset("tenant organization organisation org team workspace realm mandant mandanten".split())
_LIKELY = frozenset(
    """
    account company business firm shop store site school university institution institute clinic hospital
    practice agency merchant club church hotel restaurant franchise empresa firma societe entreprise
    """.split()
)
# Tenants of a product that sells to firms, and buyers in a shop that has no tenants.
_SHOPPERS = frozenset("customer client kunde cliente".split())
# A user is seldom the tenant, and `user_id` is on most tables of most databases.
_PERSONS = frozenset(
    """
    user owner author creator editor member person people employee staff assignee profile player student
    patient contact admin customuser
    """.split()
)
_ONE_NAME = {"org": "organization", "organisation": "organization", "mandanten": "mandant"}

# Tables that a framework puts into every database: they tell nothing of how the product's own are shared.
_FRAMEWORK = re.compile(
    r"(?:django_|auth_(?:group|permission|user)|authtoken_|socialaccount_|account_email"  # Django
    r"|active_storage_|action_text_|ar_internal_metadata|schema_migrations"  # Rails
    r"|delayed_jobs|good_job|solid_(?:queue|cache|cable)_"
    r"|_prisma_migrations|knex_migrations|sequelizemeta|typeorm_metadata|__drizzle"  # Node
    r"|alembic_version|procrastinate_|celery_"  # Python
    r"|flyway_schema_history|databasechangelog|qrtz_|oban_|hdb_|spatial_ref_sys)",
    re.IGNORECASE,
)
_ID_SUFFIX = re.compile(r"_(?:id|uuid|guid|uid|key|fk|pk|ref)\Z")
_ID_PREFIX = re.compile(r"\A(?:id|fk)_")


@cache
def stem(column: str) -> str | None:
    """What the column refers to by its name: `team` of `team_id`, `teamId`, `id_team`; None if nothing."""
    snake = _snake(column)
    bare = _ID_SUFFIX.sub("", _ID_PREFIX.sub("", snake))
    if bare != snake:
        return bare or None
    known = _CERTAIN | _LIKELY | _SHOPPERS
    glued = snake.removesuffix("uuid").removesuffix("id")  # tenantid
    return next((name for name in (snake, glued) if name in known), None)


@cache
def is_bare(column: str) -> bool:
    """Whether the name lacks the mark of a key: `organization`, which may as well be free text."""
    return _snake(column) == stem(column)


@cache
def likelihood(column: str) -> float:
    """How likely a column of that name carries the tenant, before anything else is known."""
    name = stem(column)
    if name is None:
        return 0.0
    if name in _CERTAIN:
        return CERTAIN
    if name in _LIKELY:
        return LIKELY
    if name in _SHOPPERS:
        return SHOPPER
    return PERSON if name.rpartition("_")[2] in _PERSONS | {"by"} else OTHER


def table_names(column: str) -> tuple[str, ...]:
    """Names that the table behind such a column may have, in lower case, likeliest first."""
    name = stem(column)
    if name is None:
        return ()
    spellings = [name, *(other for other in _spellings(name) if other != name)]
    return tuple(form for spelling in spellings for form in (_plural(spelling), spelling))


def same_meaning(column: str, other: str) -> bool:
    """Whether two names are spellings of one: `org_id` and `organizationId`."""
    name = stem(column)
    return name is not None and stem(other) in _spellings(name)


def is_person(table: str) -> bool:
    """Whether a table of that name holds people: `users`, `auth_user`, `accounts_customuser`."""
    last = _snake(table).rpartition("_")[2]
    return last in _PERSONS or last.removesuffix("s") in _PERSONS


def is_framework(table: str) -> bool:
    return _FRAMEWORK.match(table) is not None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _spellings(name: str) -> frozenset[str]:
    meant = _ONE_NAME.get(name, name)
    return frozenset({name, meant, *(short for short, long in _ONE_NAME.items() if long == meant)})


def _plural(name: str) -> str:
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return name[:-1] + "ies"
    return name + ("es" if name.endswith(("s", "sh", "ch", "x")) else "s")
