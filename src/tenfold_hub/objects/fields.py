"""Custom fields: what an organization wants to know of people, companies, deals and its own objects."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from iso4217 import Currency
from msgspec import UNSET, Meta, UnsetType

from tenfold.errors import did_you_mean
from tenfold.runtime import Session
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, invalid
from tenfold_hub.kit.records import Draft
from tenfold_hub.kit.resource import RANGE, Filter, Resource, Sort, Thing
from tenfold_hub.objects.catalog import Catalog
from tenfold_hub.objects.definitions import Field, Option, Rules, State, Type, Visibility, of_row
from tenfold_hub.objects.filling import Filler
from tenfold_hub.objects.types import KINDS, LONGEST_AREA, MOST_DECIMALS, compared, pattern, read

#: Of one kind of thing: fields that are not archived, all of them, and those that are filterable.
MOST_FIELDS, MOST_WITH_ARCHIVED, MOST_FILTERABLE = 500, 1_000, 30
MOST_OPTIONS, LONGEST_PATTERN = 200, 200

Slug = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,59}$")]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Description = Annotated[str, Meta(min_length=1, max_length=1_000)]
Position = Annotated[int, Meta(ge=0, le=100_000)]
Options = Annotated[list[Option], Meta(max_length=MOST_OPTIONS)]


class CustomField(Thing, kw_only=True):
    object: str
    key: str
    label: str
    description: str | None
    type: Type
    required: bool
    unique: bool
    filterable: bool
    default: Any
    rules: Rules
    options: list[Option]
    visibility: Visibility
    position: int
    state: State
    filled: int


class NewCustomField(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    object: Slug
    key: Slug
    label: Label
    type: Type
    description: Description | None = None
    required: bool = False
    unique: bool = False
    filterable: bool = False
    default: Any = None
    rules: Rules = Rules()
    options: Options = []
    visibility: Visibility = "shown"
    position: Position | None = None


class CustomFieldPatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Object, key, type and `unique` are forever. Options that a patch leaves out are archived."""

    label: Label | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    required: bool | UnsetType = UNSET
    filterable: bool | UnsetType = UNSET
    default: Any = UNSET
    rules: Rules | UnsetType = UNSET
    options: Options | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    position: Position | UnsetType = UNSET


FIELDS = Resource(
    name="fields",
    singular="field",
    prefix="fld",
    schema="objects",
    table="fields",
    columns={
        "object": "text",
        "key": "text",
        "label": "text",
        "description": "text",
        "type": "text",
        "required": "boolean",
        "unique": "boolean",
        "filterable": "boolean",
        "default": "jsonb",
        "rules": "jsonb",
        "options": "jsonb",
        "visibility": "text",
        "position": "integer",
        "state": "text",
        "filled": "bigint",
        "filled_to": "uuid",
    },
    shown=CustomField,
    new=NewCustomField,
    patch=CustomFieldPatch,
    filters={"object": Filter(), "key": Filter(), "created_at": Filter(operators=RANGE)},
    sorts={"created_at": Sort(), "position": Sort()},
    constraints={"fields_key_key": Fault("/key", "taken", "there is a field with this key, maybe archived")},
    hidden=frozenset({"filled_to"}),
)

_COUNTS = """
SELECT object, count(*) AS all, count(*) FILTER (WHERE archived_at IS NULL) AS live,
       count(*) FILTER (WHERE archived_at IS NULL AND filterable) AS filterable
  FROM objects.fields WHERE organization_id = $1 AND object = ANY($2::text[]) GROUP BY object
"""
_KNOWN = """
SELECT name FROM objects.definitions
 WHERE organization_id = $1 AND name = ANY($2::text[]) AND archived_at IS NULL
"""
_CURRENCIES = frozenset(currency.code for currency in Currency)


class FieldRules:
    """What a definition has to be, and what follows when it changes."""

    def __init__(self, catalog: Catalog, filler: Filler, kinds: Callable[[], Iterable[str]]) -> None:
        #: `kinds` are those that every organization has.
        self._catalog, self._filler, self._kinds = catalog, filler, kinds

    async def prepare(self, session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
        objects = {draft.values["object"] for draft in drafts}
        if not objects:
            return
        await self._catalog.hold_alone(session, objects)
        known = {*self._kinds(), *await self._own(session, objects)}
        counts = {name: Counts() for name in objects}
        for row in await session.fetch(_COUNTS, session.tenant, list(objects)):
            counts[row["object"]] = Counts(row["all"], row["live"], row["filterable"])
        for draft in drafts:
            if draft.problem is None and draft.before is None and draft.values["object"] not in known:
                near = did_you_mean(draft.values["object"], known)
                draft.problem = invalid("/object", "unknown", f"there are no such things{near}")
            if draft.problem is None:
                _prepare(draft, counts[draft.values["object"]])

    async def _own(self, session: Session, objects: Iterable[str]) -> list[str]:
        rows = await session.fetch(_KNOWN, session.tenant, list(objects))
        return [row["name"] for row in rows]

    async def follow(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        if not changes:
            return
        after = [change.after for change in changes if change.after is not None]
        await self._catalog.changed(session, {values["object"] for values in after})
        unfinished = [values["id"] for values in after if values["state"] in ("filling", "clearing")]
        organization = session.tenant
        assert isinstance(organization, uuid.UUID)
        if unfinished:
            session.after_commit(lambda: self._filler.wait(organization, unfinished))


class Counts:
    """Fields of one kind of thing, with those of the batch that passed."""

    def __init__(self, all: int = 0, live: int = 0, filterable: int = 0) -> None:
        self.all, self.live, self.filterable = all, live, filterable

    def require(self, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
        """Raises Problem `limit_reached`."""
        was_live = before is not None and before["archived_at"] is None
        is_live = after.get("archived_at") is None
        live = self.live + is_live - was_live
        filterable = (
            self.filterable
            + (is_live and after["filterable"])
            - (was_live and before is not None and before["filterable"])
        )
        every = self.all + (before is None)
        for count, was, most, what in (
            (live, self.live, MOST_FIELDS, "fields"),
            (every, self.all, MOST_WITH_ARCHIVED, "fields, archived ones with them,"),
            (filterable, self.filterable, MOST_FILTERABLE, "filterable fields"),
        ):
            if count > most and count > was:
                raise Problem("limit_reached", f"{after['object']} have {most:,} {what} at most")
        self.all, self.live, self.filterable = every, live, filterable


def _prepare(draft: Draft, counts: Counts) -> None:
    values, before = draft.values, draft.before
    try:
        if before is None:
            values["filterable"] = values["filterable"] or values["unique"]
            values |= {"state": "none", "filled": 0, "filled_to": None}
            if values["position"] is None:
                values["position"] = counts.live
        if "options" in draft.given:
            values["options"] = _merged(before, values["options"])
        values["rules"] = msgspec.to_builtins(values["rules"])
        _check(values, before)
        counts.require(before, values)
        values["state"] = _state(values, before)
        if values["state"] == "filling" and (before is None or before["state"] != "filling"):
            values |= {"filled": 0, "filled_to": None}
    except Problem as problem:
        draft.problem = problem


def _state(values: Mapping[str, Any], before: Mapping[str, Any] | None) -> State:
    """Of its rows of values. What was archived has missed what was made meanwhile."""
    state: State = values["state"]
    if values.get("archived_at") is not None:
        return state
    restored = before is not None and before["archived_at"] is not None
    if values["filterable"]:
        if state == "clearing":
            raise Problem("conflict", "what it was found by is being cleared away; try again in a moment")
        return "filling" if state == "none" or restored else state
    return "none" if state == "none" else "clearing"


def _check(values: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Raises Problem."""
    type_: Type = values["type"]
    kind = KINDS[type_]
    rules = msgspec.convert(values["rules"], Rules)
    for name in msgspec.to_builtins(rules):
        if name not in kind.rules:
            raise invalid(f"/rules/{name}", "invalid", f"{type_} has no such rule")
    _check_rules(type_, rules, before)
    if values["filterable"] and kind.compared is None:
        raise invalid("/filterable", "invalid", f"{type_} cannot be filtered by")
    if values["unique"] and (not kind.unique or values["default"] is not None):
        raise invalid("/unique", "invalid", f"{type_} with a default, or of its kind, cannot be unique")
    if values["unique"] and not values["filterable"]:
        raise invalid("/filterable", "invalid", "what is unique is filterable")
    if kind.choice != bool(values["options"]):
        which = "needs" if kind.choice else "has no"
        raise invalid("/options", "invalid", f"{type_} {which} options")
    row = {"id": None, "archived_at": None, "state": "none"} | dict(values)
    field = of_row({**row, "default": None})
    for name in ("min", "max"):
        _readable(field, getattr(rules, name), f"/rules/{name}", bare=True)
    _readable(field, values["default"], "/default")


def _check_rules(type_: Type, rules: Rules, before: Mapping[str, Any] | None) -> None:
    if rules.pattern is not None:
        if len(rules.pattern) > LONGEST_PATTERN:
            raise invalid("/rules/pattern", "invalid", f"at most {LONGEST_PATTERN} characters")
        try:
            pattern(rules.pattern)
        except ValueError as error:
            raise invalid("/rules/pattern", "invalid", str(error)) from None
    for name, most in (
        ("min_length", LONGEST_AREA),
        ("max_length", LONGEST_AREA),
        ("decimals", MOST_DECIMALS),
    ):
        value = getattr(rules, name)
        if value is not None and not 0 <= value <= most:
            raise invalid(f"/rules/{name}", "invalid", f"from 0 to {most:,}")
    if type_ == "currency" and rules.currency not in _CURRENCIES:
        raise invalid("/rules/currency", "required", "a currency, as EUR")
    if before is not None:
        was = msgspec.convert(before["rules"], Rules)
        for name in ("decimals", "currency"):
            if getattr(was, name) != getattr(rules, name):
                raise invalid(f"/rules/{name}", "invalid", "it is forever, as values depend on it")


def _readable(field: Field, value: Any, pointer: str, *, bare: bool = False) -> None:
    """By the field's own rules; a bound, by its type alone."""
    if value is None:
        return
    try:
        kept = KINDS[field.type].read(field, value) if bare else read(field, value)
        if KINDS[field.type].compared is not None:
            compared(field, kept)
    except (ValueError, ArithmeticError) as error:
        raise invalid(pointer, "invalid", str(error)) from None


def _merged(before: Mapping[str, Any] | None, given: Sequence[Option]) -> list[dict[str, Any]]:
    """Those that are given, in their order; then those that were there, archived. Raises Problem."""
    values = [option.value for option in given]
    for place, option in enumerate(given):
        if values.index(option.value) != place:
            raise invalid(f"/options/{place}/value", "taken", "two options have this value")
        if not 1 <= len(option.value) <= 100 or not 1 <= len(option.label) <= 200 or "\0" in option.value:
            raise invalid(
                f"/options/{place}", "invalid", "a value of 1 to 100 characters, a label of 1 to 200"
            )
    left = [each for each in (before or {}).get("options") or [] if each["value"] not in values]
    if len(given) + len(left) > MOST_OPTIONS:
        raise Problem("limit_reached", f"a field has {MOST_OPTIONS} options at most, archived ones with them")
    return [msgspec.to_builtins(option) for option in given] + [each | {"archived": True} for each in left]
