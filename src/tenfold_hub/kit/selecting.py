"""One list that was asked for, and the statement that indexes serve."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from tenfold.errors import did_you_mean
from tenfold.runtime import quoted_name
from tenfold.runtime.paging import Order, Query, asc, desc
from tenfold_hub.kit import ids
from tenfold_hub.kit.conditions import MOST_VALUES, Condition, filterable, require_operator, value_of
from tenfold_hub.kit.custom import PREFIX, Custom, Indexed, key_of
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.resource import Resource, SqlType, Through

_SQL: dict[str, str] = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list that was asked for, and can be given."""

    resource: Resource
    #: All of them hold.
    conditions: tuple[Condition, ...] = ()
    #: And all of one group, whichever; no group is no condition.
    groups: tuple[tuple[Condition, ...], ...] = ()
    sort: str = ""
    #: What is shown of each; the id always is.
    fields: tuple[str, ...] = ()
    expand: tuple[str, ...] = ()
    limit: int
    cursor: str | None = None
    #: Count as well, up to a cap.
    counted: bool = False
    archived: bool = False
    #: Of the custom fields, these alone; none named is all.
    keys: tuple[str, ...] = ()
    #: What the organization defined; needed as soon as the list is read.
    custom: Custom | None = None
    #: Where the sets of its resource are kept, by name; needed as soon as the list is read.
    sets: Mapping[str, Through] = field(default_factory=dict)
    #: What holds whatever the client asks: by column, the values that it has one of.
    held: Mapping[str, Sequence[object]] = field(default_factory=dict)

    def query(self, organization: uuid.UUID) -> Query:
        """The rows, without order and limit. Raises Problem for a value that does not fit its field.

        One SELECT for each group: an OR of their conditions would leave the planner without an index for any.
        """
        alike = [replace(self, conditions=(*self.conditions, *each), groups=()) for each in self.groups]
        parameters: list[object] = [organization]
        text, *also = [_Select(each, parameters).text() for each in alike or [self]]
        return Query(text, *parameters, also=also)

    def turned(self, turn: Callable[[Condition], Condition]) -> Listing:
        """The same list, each condition as `turn` has it."""
        return replace(
            self,
            conditions=tuple(map(turn, self.conditions)),
            groups=tuple(tuple(map(turn, group)) for group in self.groups),
        )

    def ids_of(self, prefix: str) -> list[uuid.UUID]:
        """Those of one kind of thing that conditions name. Raises Problem for what is none."""
        found = []
        for each in itertools.chain(self.conditions, *self.groups):
            if self.resource.ids.get(each.field) == prefix and each.operator in ("eq", "in"):
                for value in each.value if isinstance(each.value, list) else [each.value]:
                    id = value_of(value, "uuid", each.field, prefix)
                    assert isinstance(id, uuid.UUID)
                    found.append(id)
        return found

    def with_ids(self, others: Mapping[uuid.UUID, uuid.UUID]) -> Listing:
        """The same list, by the ids that these stand for."""
        shown = {id: other for id, other in others.items() if id != other}
        if not shown:
            return self

        def turned(condition: Condition) -> Condition:
            prefix = self.resource.ids.get(condition.field)
            if prefix is None or condition.operator not in ("eq", "in"):
                return condition
            texts = {ids.shown(prefix, id): ids.shown(prefix, other) for id, other in shown.items()}
            if isinstance(condition.value, list):
                return replace(condition, value=[texts.get(each, each) for each in condition.value])
            return replace(condition, value=texts.get(condition.value, condition.value))

        return self.turned(turned)

    @property
    def order(self) -> Order:
        by = self.sort or self.resource.default_sort
        name = by.removeprefix("-")
        sort = self.resource.sorts.get(name)
        return _order(name, by.startswith("-"), sort is None or sort.nullable)


@lru_cache(1_000)
def _order(name: str, descending: bool, nullable: bool) -> Order:
    """Kept, for each list asks for its own several times."""
    to = desc if descending else asc
    if name == "id":
        return Order(to("id"), key="id")
    if key_of(name) is not None:
        # As the index of custom values has it: things of one value in the order of their making.
        return Order(to(name), to("created_at", nullable=False), key="id")
    return Order(to(name, nullable=nullable), key="id")


class _Select:
    """The statement of one list without groups, on its way; what it is compared with joins `parameters`.

    Usually it is read from the things, and values of custom fields are conditions on the side. Sorted by a
    custom field, or held to one value of it in the order of making, it is read from that field's values: one
    range of their index, in its order, and each thing by its key.
    """

    def __init__(self, asked: Listing, parameters: list[object]) -> None:
        self._asked, self._resource = asked, asked.resource
        self._parameters = parameters
        self._source = quoted_name(self._resource.schema, self._resource.table) + " AS t"
        self._parts = ["t.organization_id = $1", f"t.archived_at IS {'NOT ' * asked.archived}NULL"]
        for name, values in asked.held.items():
            type_ = self._resource.types[name]
            self._parts.append(f"t.{quoted_name(name)} = ANY({self._parameter(list(values))}::{type_}[])")
        #: Columns that are not the things' own.
        self._columns: dict[str, str] = {}
        #: Custom fields that are looked up beside the things: what their values are compared with.
        self._beside: list[tuple[Indexed, list[str]]] = []
        self._ahead = self._read_from()

    def text(self) -> str:
        asked = self._asked
        for condition in asked.conditions:
            key = key_of(condition.field)
            if key is None:
                self._parts.append(self._own(condition))
            else:
                self._valued(condition, key)
        for looked_up, compared in self._beside:
            where = " AND ".join([*self._range(looked_up), *compared])
            table = quoted_name(*looked_up.table)
            self._parts.append(f"t.id IN (SELECT v.object_id FROM {table} AS v WHERE {where})")
        if "custom" in asked.fields and asked.custom is not None:
            self._columns["custom"] = self._values(asked.custom)
        # What is expanded is found by the field that refers to it, shown or not.
        referring = [
            name for path in asked.expand if (name := f"{path.partition('.')[0]}_id") in self._resource.types
        ]
        wanted = dict.fromkeys(("id", "version", *asked.fields, *referring, *asked.order.names))
        columns = ", ".join(
            f"{self._columns.get(name) or f't.{quoted_name(name)}'} AS {quoted_name(name)}" for name in wanted
        )
        where = " AND ".join(self._parts)
        return f"SELECT {columns} FROM {self._source} WHERE {where}"

    def _parameter(self, value: object) -> str:
        self._parameters.append(value)
        return f"${len(self._parameters)}"

    def _own(self, condition: Condition) -> str:
        found = filterable(self._resource, condition.field, condition.operator)
        assert found is not None
        through = self._asked.sets.get(condition.field)
        if through is not None:
            return self._through(condition, through)
        column = found.column or condition.field
        type_, prefix = self._resource.types[column], self._resource.ids.get(condition.field, "")

        def value(given: object) -> object:
            compared = value_of(given, type_, condition.field, prefix)
            return found.normal(str(compared)) if found.normal is not None else compared

        # A column that the custom values have, too, is a part of their index.
        name = self._columns.get(column) or f"t.{quoted_name(column)}"
        return self._compared(name, type_, condition, value)

    def _through(self, condition: Condition, rows: Through) -> str:
        def value(given: object) -> object:
            return value_of(given, rows.type, condition.field, rows.prefix)

        compared = self._compared(f"m.{quoted_name(rows.column)}", rows.type, condition, value)
        things = f"SELECT m.{quoted_name(rows.of)} FROM {quoted_name(rows.schema, rows.table)} AS m"
        return f"t.id IN ({things} WHERE m.organization_id = $1 AND {compared})"

    def _compared(
        self, column: str, type_: SqlType, condition: Condition, value: Callable[[object], object]
    ) -> str:
        if condition.operator == "null":
            empty = value_of(condition.value, "boolean", condition.field)
            return f"{column} IS {'' if empty else 'NOT '}NULL"
        if condition.operator == "in":
            values = condition.value if isinstance(condition.value, list) else [condition.value]
            if len(values) > MOST_VALUES:
                raise Problem("invalid_request", f"`in` takes at most {MOST_VALUES} values")
            return f"{column} = ANY({self._parameter([value(each) for each in values])}::{type_}[])"
        return f"{column} {_SQL[condition.operator]} {self._parameter(value(condition.value))}::{type_}"

    # --- custom fields -------------------------------------------------------------------------------

    def _read_from(self) -> str | None:
        """The custom field whose values the list is read from, if there is one."""
        asked = self._asked
        by = asked.order.names[0]
        key = key_of(by)
        if key is None and by == "created_at":
            held = [each.field for each in asked.conditions if each.operator == "eq"]
            key = next(filter(None, map(key_of, held)), None)
        if key is None or asked.custom is None:
            return None
        field = asked.custom.indexed(key, sort=key_of(by) is not None)
        self._source = f"{quoted_name(*field.table)} AS v JOIN {self._source} ON {self._of_same_thing}"
        self._parts += self._range(field)
        self._columns |= {by: "v.value"} if key_of(by) else {}
        self._columns |= {"created_at": "v.created_at", "id": "v.object_id"}
        return f"{PREFIX}{key}"

    #: Both sides name the organization, so that either may be read first.
    _of_same_thing = "t.organization_id = v.organization_id AND t.id = v.object_id"

    def _range(self, field: Indexed) -> list[str]:
        archived = "v.archived" if self._asked.archived else "NOT v.archived"
        return ["v.organization_id = $1", f"v.field_id = {self._parameter(field.id)}", archived]

    def _valued(self, condition: Condition, key: str) -> None:
        assert self._asked.custom is not None
        field = self._asked.custom.indexed(key)
        require_operator(condition.field, condition.operator, field.operators)

        def value(given: object) -> object:
            try:
                return field.normal(given)
            except (ValueError, ArithmeticError) as error:
                fault = Fault(f"filter[{condition.field}]", "invalid", str(error))
                raise Problem("invalid_request", f"{condition.field}: {error}", [fault]) from None

        compared = self._compared("v.value", field.type, condition, value)
        if self._ahead == condition.field and (field.single or condition.operator == "eq"):
            self._parts.append(compared)
            if not field.single:
                # A second value of a field that has several is another row.
                self._ahead = None
            return
        # All bounds of one value are one range; of several values, each may be met by another one.
        for known, others in self._beside:
            if known.id == field.id and field.single:
                others.append(compared)
                return
        self._beside.append((field, [compared]))

    def _values(self, custom: Custom) -> str:
        keys = self._asked.keys
        if not keys:
            if not custom.concealed:
                return "t.custom"
            return f"t.custom - {self._parameter(list(custom.concealed))}::text[]"
        for key in keys:
            if key not in custom.keys:
                raise Problem(
                    "invalid_request",
                    f"there is no custom field {key[:40]!r}{did_you_mean(key, custom.keys)}",
                    [Fault("fields", "unknown_field", "name fields that are defined")],
                )
        named = [self._parameter(key) for key in keys]
        return f"jsonb_build_object({', '.join(f'{key}::text, t.custom -> {key}::text' for key in named)})"
