"""The shape of `tenfold.toml`: what the database cannot say of itself."""

from __future__ import annotations

import datetime

import msgspec

from tenfold.model.tenancy import TableClass
from tenfold.model.thresholds import Thresholds


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Unknown keys are errors: a misspelt key must not pass in silence."""


class TenancyConfig(_Section, frozen=True):
    #: Names that the tenant column goes by, the commonest first. Left out: found by evidence.
    columns: tuple[str, ...] = ()
    #: The table with one row a tenant, as `name` or `schema.name`. Left out: the one that the foreign keys of
    #: the column lead to.
    tenant_table: str | None = None
    #: The run-time setting that policies read the tenant from. Left out: `app.` and the column's name.
    setting: str | None = None
    #: The role that the application connects as: rules judge it, and the plan grants it what it lacks. One
    #: that does not exist yet is a warning; one that differs from an existing role's name by a letter, an
    #: error.
    application_role: str | None = None
    #: Tables whose class is told instead of found, by `name` or `schema.name`.
    classes: dict[str, TableClass] = {}


class WorkloadConfig(_Section, frozen=True):
    #: SQL file of statements that the product runs, each below a line `-- name: NAME`; relative to the
    #: configuration file. They are judged beside those that pg_stat_statements has recorded.
    file: str | None = None


class PersonalDataConfig(_Section, frozen=True):
    #: Tables with personal data, as `name` or `schema.name`: faults that would be P2 by activity are P1.
    tables: tuple[str, ...] = ()


class Ignore(_Section, frozen=True):
    """Findings to leave out, why, and until when."""

    #: The rule's id.
    rule: str
    #: Why; the reports show it.
    reason: str
    #: The object as the report names it; one that is not there (any more) is a warning. Left out: every
    #: object.
    object: str | None = None
    #: Last day on which the finding is left out, by the server's clock. Left out: for ever.
    expires: datetime.date | None = None


class Config(_Section, frozen=True):
    tenancy: TenancyConfig = TenancyConfig()
    workload: WorkloadConfig = WorkloadConfig()
    #: Expected operations a day by `name` or `schema.name`, where the counters cannot tell yet. The greater
    #: of expected and counted decides what is hot.
    operations_per_day: dict[str, int] = {}
    personal_data: PersonalDataConfig = PersonalDataConfig()
    thresholds: Thresholds = Thresholds()
    #: Schemas that are not judged, such as those of a vendor.
    exclude_schemas: tuple[str, ...] = ()
    ignore: tuple[Ignore, ...] = ()
