"""The shape of `tenfold.toml`: what the database cannot say of itself."""

from __future__ import annotations

import datetime

import msgspec

from tenfold.model.tenancy import TableClass
from tenfold.model.thresholds import Thresholds


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Unknown keys are errors: a misspelt key must not pass in silence."""


class TenancyConfig(_Section, frozen=True):
    #: Names the tenant column goes by; empty: found by evidence.
    columns: tuple[str, ...] = ()
    #: `name` or `schema.name`.
    tenant_table: str | None = None
    #: The run-time setting that carries the tenant; None: `app.<column>`.
    setting: str | None = None
    application_role: str | None = None
    #: Tables whose class is told, by name.
    classes: dict[str, TableClass] = {}


class WorkloadConfig(_Section, frozen=True):
    #: SQL file of named statements, relative to the configuration file.
    file: str | None = None


class PersonalDataConfig(_Section, frozen=True):
    tables: tuple[str, ...] = ()


class Ignore(_Section, frozen=True):
    """Findings to leave out, why, and until when."""

    rule: str
    reason: str
    #: The object's name; None: every object.
    object: str | None = None
    expires: datetime.date | None = None


class Config(_Section, frozen=True):
    tenancy: TenancyConfig = TenancyConfig()
    workload: WorkloadConfig = WorkloadConfig()
    #: Expected operations a day, by table name.
    operations_per_day: dict[str, int] = {}
    personal_data: PersonalDataConfig = PersonalDataConfig()
    thresholds: Thresholds = Thresholds()
    #: Schemas that are not judged.
    exclude_schemas: tuple[str, ...] = ()
    ignore: tuple[Ignore, ...] = ()
