"""Snapshots made by hand, in a few words, and plans of findings about them."""

from __future__ import annotations

from typing import Any

from tenfold.migrate.plan import plan
from tenfold.model.activity import IndexBuild
from tenfold.model.audit import Audit, TenantIndexing
from tenfold.model.change import Change, Plan
from tenfold.model.config import Config
from tenfold.model.finding import Finding, Priority
from tenfold.model.relations import (
    Column,
    ColumnStatistics,
    Constraint,
    Index,
    Inheritance,
    OperatorClass,
    Policy,
    Relation,
    Schema,
    Sequence,
)
from tenfold.model.remedy import CreateIndex, DropIndex, Key, Remedy, Table
from tenfold.model.roles import Membership, Role
from tenfold.model.snapshot import Snapshot
from tenfold.model.tenancy import TableTenancy, Tenancy
from tests.unit.rules.build import DATABASE, NOW, role, server, table

OPCLASSES = (
    OperatorClass(oid=1, name="any_ops", method="btree", is_default=True, input_type="any"),
    OperatorClass(oid=2, name="text_pattern_ops", method="btree", is_default=False, input_type="text"),
)
OWNER, APPLICATION = 10, 20


class Made:
    """A database in the making; every table with a column team_id is a tenant's."""

    def __init__(self, version: int = 180_000) -> None:
        self.server = server(version_number=version)
        self.relations: list[Relation] = []
        self.columns: list[Column] = []
        self.indexes: list[Index] = []
        self.constraints: list[Constraint] = []
        self.policies: list[Policy] = []
        self.inheritance: list[Inheritance] = []
        self.statistics: list[ColumnStatistics] = []
        self.sequences: list[Sequence] = []
        self.index_builds: list[IndexBuild] = []
        self.roles: list[Role] = [role(OWNER, "owner", superuser=True), role(APPLICATION, "app")]
        self.schemas = [Schema(oid=2200, name="public", owner=OWNER, acl=("=U/owner",))]
        self.config = Config()
        self.memberships: list[Membership] = []
        self.application_role: str | None = None
        self._oid = 1000

    # --- what there is ---

    def table(self, name: str, *columns: str, schema: str = "public", **fields: Any) -> int:
        """Columns as `name type` or `name type not null`, the name without spaces."""
        oid = self._next()
        self.relations.append(table(oid, name, **({"schema": schema, "owner": OWNER} | fields)))
        for number, column in enumerate(columns, start=1):
            label, _, kind = column.partition(" ")
            self.columns.append(
                Column(
                    relation=oid,
                    number=number,
                    name=label,
                    type=kind.removesuffix(" not null"),
                    type_oid=20,
                    type_kind="b",
                    type_category="N",
                    not_null=kind.endswith(" not null"),
                )
            )
        return oid

    def index(self, relation: int, name: str, *keys: str, **fields: Any) -> Index:
        """Keys as column names, with ` desc` behind those that are sorted so."""
        columns = [key.removesuffix(" desc") for key in keys]
        numbers = tuple(self._number(relation, column) for column in columns)
        given: dict[str, Any] = {
            "oid": self._next(),
            "relation": relation,
            "name": name,
            "method": "btree",
            "columns": numbers,
            "key_count": len(numbers),
            "opclasses": (1,) * len(numbers),
            "option_bits": tuple(3 if key.endswith(" desc") else 0 for key in keys),
            "collations": (0,) * len(numbers),
            "unique": False,
            "primary": False,
            "exclusion": False,
            "valid": True,
            "ready": True,
            "definition": f"CREATE INDEX {name} ON public.t USING btree ({', '.join(keys)})",
            "pages": 10,
            "tuples": 100.0,
            "size_bytes": 80_000,
        }
        made = Index(**(given | fields))
        self.indexes.append(made)
        return made

    def foreign_key(self, relation: int, columns: str, parent: int, there: str, **fields: Any) -> Constraint:
        """Columns as names with commas."""
        target = tuple(self._number(parent, column) for column in there.split(","))
        unique = [index for index in self.indexes if index.relation == parent and index.key_columns == target]
        given: dict[str, Any] = {
            "oid": self._next(),
            "relation": relation,
            "name": f"fk_{relation}_{columns}",
            "kind": "f",
            "columns": tuple(self._number(relation, column) for column in columns.split(",")),
            "validated": True,
            "definition": f"FOREIGN KEY ({columns}) REFERENCES public.p({there})",
            "foreign_relation": parent,
            "foreign_columns": target,
            "on_update": "a",
            "on_delete": "c",
            "match": "s",
            "index": unique[0].oid if unique else None,
        }
        made = Constraint(**(given | fields))
        self.constraints.append(made)
        return made

    def primary_key(self, relation: int, *columns: str) -> None:
        name = f"pk_{relation}"
        owner = self._next()
        made = self.index(relation, name, *columns, unique=True, primary=True, constraint=owner)
        self.constraints.append(
            Constraint(
                oid=owner,
                relation=relation,
                name=name,
                kind="p",
                columns=made.columns,
                validated=True,
                definition=f"PRIMARY KEY ({', '.join(columns)})",
                index=made.oid,
            )
        )

    def policy(self, relation: int, name: str, **fields: Any) -> None:
        given: dict[str, Any] = {
            "oid": self._next(),
            "relation": relation,
            "name": name,
            "command": "*",
            "permissive": True,
            "roles": (0,),
        }
        self.policies.append(Policy(**(given | fields)))

    def partition(self, parent: int, name: str, **fields: Any) -> int:
        columns = [
            f"{column.name} {column.type}{' not null' if column.not_null else ''}"
            for column in self.columns
            if column.relation == parent
        ]
        oid = self.table(name, *columns, is_partition=True, **fields)
        self.inheritance.append(Inheritance(child=oid, parent=parent))
        return oid

    # --- what is made of it ---

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(
            server=self.server,
            database=DATABASE,
            schemas=tuple(self.schemas),
            relations=tuple(self.relations),
            columns=tuple(self.columns),
            indexes=tuple(self.indexes),
            constraints=tuple(self.constraints),
            policies=tuple(self.policies),
            inheritance=tuple(self.inheritance),
            statistics=tuple(self.statistics),
            sequences=tuple(self.sequences),
            index_builds=tuple(self.index_builds),
            operator_classes=OPCLASSES,
            roles=tuple(self.roles),
            memberships=tuple(self.memberships),
        )

    @property
    def tenancy(self) -> Tenancy:
        teams = next((relation.oid for relation in self.relations if relation.name == "teams"), None)
        tenants = {column.relation for column in self.columns if column.name == "team_id"}
        return Tenancy(
            column="team_id",
            columns=("team_id",),
            column_type="bigint",
            tenant_table=teams,
            tenant_key="id" if teams is not None else None,
            setting="app.team_id",
            application_role=self.application_role,
            tables=tuple(
                TableTenancy(relation.oid, "tenant", "it has team_id", column="team_id")
                if relation.oid in tenants
                else TableTenancy(
                    relation.oid, "tenant_table" if relation.oid == teams else "child", "it has none"
                )
                for relation in self.relations
                if not relation.is_partition
            ),
        )

    def audit(self, *findings: Finding) -> Audit:
        return Audit(
            database="outreach",
            server_version="18.0",
            taken=NOW,
            tenancy=self.tenancy,
            tenant_indexing=TenantIndexing(0, ()),
            findings=findings,
        )

    def plan(self, *findings: Finding) -> Plan:
        return plan(self.snapshot, self.audit(*findings), self.config)

    # --- inside ---

    def _next(self) -> int:
        self._oid += 1
        return self._oid

    def _number(self, relation: int, name: str) -> int:
        return next(
            column.number for column in self.columns if (column.relation, column.name) == (relation, name)
        )


def found(
    rule: str, name: str, *remedies: Remedy, priority: Priority = Priority.P2, **fields: Any
) -> Finding:
    return Finding(
        rule=rule, priority=priority, object=name, message=f"{name}: {rule}", remedies=remedies, **fields
    )


def wish(name: str, *keys: str, **fields: Any) -> CreateIndex:
    """Keys as column names, with ` desc` behind those that are sorted so."""
    return CreateIndex(
        table=Table("public", name),
        keys=tuple(Key(column=key.removesuffix(" desc"), descending=key.endswith(" desc")) for key in keys),
        **fields,
    )


def unwish(name: str, index: Index) -> DropIndex:
    return DropIndex(table=Table("public", name), name=index.name, definition=index.definition)


def ids(made: Plan) -> list[str]:
    return [change.id for change in made.changes]


def by_verb(made: Plan, verb: str) -> list[Change]:
    return [change for change in made.changes if change.id.partition(":")[0] == verb]


def change_of(made: Plan, change_id: str) -> Change:
    (change,) = [change for change in made.changes if change.id == change_id]
    return change
