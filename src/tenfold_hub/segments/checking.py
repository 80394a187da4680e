"""Segments on their way into the database: rules that can be asked, no cycles, what is to be computed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from tenfold.runtime import Session
from tenfold_hub.kit.custom import PREFIX
from tenfold_hub.kit.ids import new_id
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem, invalid
from tenfold_hub.kit.records import Draft, Records
from tenfold_hub.kit.resource import Resource
from tenfold_hub.objects.api import Objects
from tenfold_hub.segments.activity import ACTIVITY
from tenfold_hub.segments.asking import PERSON, SEGMENT, TAG, Rule, compiled
from tenfold_hub.segments.catalog import MOST_SEGMENTS, Catalog, Known, cycle
from tenfold_hub.segments.rules import Condition, conditions, parse
from tenfold_hub.segments.segments import SEGMENTS
from tenfold_hub.segments.values import Type

#: Of things in general: they say nothing of one thing, or change with every write.
_NOT_ASKED = frozenset({"version", "updated_at", "archived_at"})
_OF_COLUMN: Mapping[str, Type] = {
    "text": "text",
    "bigint": "number",
    "integer": "number",
    "boolean": "boolean",
    "timestamptz": "moment",
    "date": "day",
}
_OF_CUSTOM: Mapping[str, Type] = {
    "text": "folded",
    "textarea": "folded",
    "number": "number",
    "decimal": "decimal",
    "date": "day",
    "datetime": "moment",
    "boolean": "boolean",
    "dropdown": "text",
    "radio": "text",
    "checkbox": "choices",
    "url": "text",
    "email": "text",
    "phone": "text",
    "currency": "amount",
}


class Checking:
    """Of one hub: what `Records` of segments prepare and follow."""

    def __init__(
        self,
        catalog: Catalog,
        records: Mapping[str, Records],
        objects: Objects,
        begin: Callable[[uuid.UUID], object],
    ) -> None:
        self._catalog, self._records, self._objects, self._begin = catalog, records, objects, begin
        #: Resources whose tags can be asked for.
        self.tagged: Collection[str] = ()
        #: Kinds of activities that can be asked for, by resource.
        self.kinds: Mapping[str, Sequence[str]] = {}

    # --- before the write ----------------------------------------------------------------------------

    async def prepare(self, session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
        """Whoever changes rules holds them alone from here on, so that two changes make no cycle together."""
        for draft in drafts:
            if "name" in draft.given:
                draft.values["name_normal"] = " ".join(draft.values["name"].casefold().split())
                if not draft.values["name_normal"]:
                    draft.problem = invalid("/name", "required", "a name that is not empty")
        concerned = [draft for draft in drafts if draft.problem is None and _changes_rules(draft)]
        if not concerned:
            return
        known = await self._catalog.alone(session)
        for draft in concerned:
            archived = draft.values.get("archived_at") is not None
            draft.problem = _of_kind(draft) or (
                _still_used(draft, known) if archived else await self._bring(session, draft, known)
            )
            if draft.problem is None and archived:
                known.pop(draft.values["id"], None)
                draft.values |= {"state": "clearing", "computation": new_id(), "computed_to": None}

    async def _bring(self, session: Session, draft: Draft, known: dict[uuid.UUID, Known]) -> Problem | None:
        """The draft's segment is live from now on, by its rule."""
        values, rule = draft.values, None
        if values["kind"] == "dynamic":
            faults: list[Fault] = []
            rule = await self._rule(session, values, known, faults)
            if rule is None:
                return Problem("invalid", f"{faults[0].pointer}: {faults[0].detail}", faults)
        new = Known(id=values["id"], resource=values["resource"], rule=rule)
        if len(known) >= MOST_SEGMENTS and new.id not in known:
            return Problem("limit_reached", f"an organization has at most {MOST_SEGMENTS:,} segments")
        if new.id in new.uses or cycle([*(each for id, each in known.items() if id != new.id), new]):
            detail = "segments would be made of each other"
            return Problem("invalid", detail, [Fault("/rule", "cycle", detail)])
        known[new.id] = new
        computing = rule is not None or draft.before is not None
        values |= {
            "state": "computing" if computing else "ready",
            "computation": new_id(),
            "computed": 0,
            "computed_to": None,
            "types": values.get("types") or {},
        }
        return None

    async def _rule(
        self,
        session: Session,
        values: dict[str, Any],
        known: Mapping[uuid.UUID, Known],
        faults: list[Fault],
    ) -> Rule | None:
        node = parse(values["rule"], faults)
        if node is None:
            return None
        names = {each.field for each in conditions(node)}
        types = values["types"] = await self._types(session, values["resource"], names)
        found = compiled(node, types, faults)
        if found is None:
            return None
        for used in found.uses:
            if used not in known or known[used].resource != values["resource"]:
                what = f"there is no segment of {values['resource']} with this id"
                asking = (each for each in conditions(node) if isinstance(each, Condition))
                pointer = next(each.pointer for each in asking if each.field == SEGMENT)
                faults.append(Fault(f"{pointer}/value", "unknown", what))
        return None if faults else found

    async def _types(self, session: Session, resource: str, names: set[str]) -> dict[str, Type]:
        """Of the fields that there are. Two statements at most, for custom fields."""
        found = dict(_types_of(self._records[resource].resource, ""))
        if resource == "contacts":
            found |= _types_of(self._records["people"].resource, PERSON)
        found[SEGMENT] = f"set:{SEGMENTS.prefix}"
        if resource in self.tagged:
            found[TAG] = "set:tag"
        if resource in self.kinds:
            found[ACTIVITY] = f"kinds:{','.join(self.kinds[resource])}"
        for prefix, kind in ((PREFIX, resource), (f"{PERSON}{PREFIX}", "people")):
            asked = [name for name in names if name.startswith(prefix)]
            if asked and (prefix == PREFIX or resource == "contacts"):
                fields = (await self._objects.fields(session, kind)).by_key
                for name in asked:
                    field = fields.get(name.removeprefix(prefix))
                    if field is not None and not field.archived:
                        found[name] = _OF_CUSTOM[field.type]
        return {name: found[name] for name in names if name in found}

    # --- after the write -----------------------------------------------------------------------------

    async def follow(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        """One statement; the computation begins with the commit."""
        if not any("computation" in change.fields for change in changes):
            return
        await self._catalog.changed(session)
        organization = session.tenant
        assert isinstance(organization, uuid.UUID)
        session.after_commit(lambda: _nothing(self._begin(organization)))


def _nothing(_: object) -> None:
    """So that nobody waits for a task that was begun."""


def _types_of(resource: Resource, prefix: str) -> Mapping[str, Type]:
    found: dict[str, Type] = {}
    for name, type_ in resource.types.items():
        if name in resource.hidden or name in _NOT_ASKED:
            continue
        if type_ == "uuid":
            found[f"{prefix}{name}"] = f"id:{resource.ids[name]}"
        elif type_ in _OF_COLUMN:
            found[f"{prefix}{name}"] = _OF_COLUMN[type_]
    return found


def _changes_rules(draft: Draft) -> bool:
    before, after = draft.before, draft.values
    if before is None or before["rule"] != after.get("rule"):
        return True
    return bool(before["archived_at"] != after["archived_at"])


def _of_kind(draft: Draft) -> Problem | None:
    dynamic = draft.values["kind"] == "dynamic"
    if dynamic and draft.values.get("rule") is None:
        return invalid("/rule", "required", "a dynamic segment has a rule")
    if not dynamic and draft.values.get("rule") is not None:
        return invalid("/rule", "not_allowed", "a static segment has no rule; its members are added to it")
    if draft.before is not None and "rule" in draft.given and draft.values["archived_at"] is not None:
        return Problem("conflict", "restore the segment first")
    return None


def _still_used(draft: Draft, known: Mapping[uuid.UUID, Known]) -> Problem | None:
    users = [each for each in known.values() if draft.values["id"] in each.uses]
    return Problem("conflict", "other segments are made of this one; change them first") if users else None
