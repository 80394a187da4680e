"""Values of custom fields: checked before a thing is written, followed by the rows that they are found by."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tenfold.runtime import Session
from tenfold_hub.kit.journal import Change
from tenfold_hub.kit.principal import Principal
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.records import Draft
from tenfold_hub.objects import repository
from tenfold_hub.objects.catalog import Catalog, Fields
from tenfold_hub.objects.definitions import Field
from tenfold_hub.objects.repository import Valued
from tenfold_hub.objects.types import KINDS, compared, default_of, read

#: Of all custom values of one thing, as JSON.
MOST_BYTES = 256_000

_UNIQUE = frozenset({"text_values_unique", "number_values_unique"})


class CustomValues:
    """Of one kind of thing: what its `Records` prepare and follow, and what its lists ask."""

    def __init__(self, catalog: Catalog, kind: str) -> None:
        self._catalog, self._kind = catalog, kind

    async def of(self, session: Session) -> Fields:
        return await self._catalog.of(session, self._kind)

    # --- before the write ----------------------------------------------------------------------------

    async def prepare(self, session: Session, _: Principal, drafts: Sequence[Draft]) -> None:
        """Two statements at most, and those that search unique values."""
        concerned = [draft for draft in drafts if draft.before is None or "custom" in draft.given]
        if not concerned:
            return
        fields = await self._catalog.held(session, self._kind)
        for draft in concerned:
            faults = _merge(fields, draft)
            if faults and draft.problem is None:
                draft.problem = Problem("invalid", f"{faults[0].pointer}: {faults[0].detail}", faults)
        await self._require_free(session, fields, [each for each in concerned if each.problem is None])

    async def _require_free(self, session: Session, fields: Fields, drafts: Sequence[Draft]) -> None:
        unique = [field for field in fields.indexed_fields if field.unique]
        wanted: list[tuple[int, uuid.UUID, Field, Any]] = []
        first: dict[tuple[uuid.UUID, Any], int] = {}
        doubled: set[int] = set()
        for place, draft in enumerate(drafts) if unique else ():
            before = (draft.before or {}).get("custom") or {}
            for field in unique:
                value = draft.values["custom"].get(field.key)
                if value is None or value == before.get(field.key):
                    continue
                (key,) = compared(field, value)
                if first.setdefault((field.id, key), place) != place:
                    doubled.add(place * len(unique) + unique.index(field))
                wanted.append((place * len(unique) + unique.index(field), draft.values["id"], field, key))
        if not wanted:
            return
        for place in doubled | await repository.taken(session, wanted):
            field = unique[place % len(unique)]
            fault = Fault(f"/custom/{field.key}", "taken", f"another one has this {field.label}")
            drafts[place // len(unique)].problem = Problem("taken", fault.detail, [fault])

    # --- after the write -----------------------------------------------------------------------------

    async def follow(self, session: Session, _: Principal, changes: Sequence[Change]) -> None:
        """Keeps the rows of values in step, whatever changed a thing: ten statements at most."""
        changes = [change for change in changes if _concerns(change)]
        if not changes:
            return
        fields = await self._catalog.held(session, self._kind)
        gone = [change.id for change in changes if change.after is None]
        old: list[Valued] = []
        new: list[Valued] = []
        archived: dict[uuid.UUID, bool] = {}
        for change in changes:
            if change.after is None:
                continue
            before, after = change.before, change.after
            for field in fields.indexed_fields:
                if before is None or _value(before, field) != _value(after, field):
                    new.append(_valued(change, after, field))
                    if before is not None:
                        old.append(new[-1])
            if before is not None and _is_archived(before) != _is_archived(after):
                archived[change.id] = _is_archived(after)
        await repository.remove_all(session, gone)
        await repository.remove(session, old)
        await repository.archive(session, archived)
        try:
            await repository.insert(session, new)
        except Exception as error:
            if getattr(error, "constraint_name", None) in _UNIQUE:
                # Two writers at the same moment; who searched before the write found neither.
                raise Problem("taken", "a unique value was given to another one just now") from error
            raise


def _merge(fields: Fields, draft: Draft) -> list[Fault]:
    """What the client gave over what there is: null takes away, and what is not named stays."""
    before: Mapping[str, Any] = (draft.before or {}).get("custom") or {}
    given: Mapping[str, Any] = (draft.values.get("custom") or {}) if "custom" in draft.given else {}
    after = dict(before)
    faults: list[Fault] = []
    for key, value in given.items():
        field = fields.by_key.get(key)
        if field is None or field.archived:
            faults.append(Fault(f"/custom/{key[:60]}", "unknown_field", "there is no such custom field"))
        elif value is None:
            after.pop(key, None)
        else:
            _set(field, value, before, after, faults)
    if draft.before is None:
        for field in fields.fields:
            if field.default is not None and field.key not in given and not field.archived:
                after[field.key] = default_of(field)
    missing = fields.fields if draft.before is None else map(fields.by_key.get, given)
    for each in missing:
        if each is not None and each.required and not each.archived and after.get(each.key) is None:
            faults.append(Fault(f"/custom/{each.key}", "required", f"{each.label} is required"))
    if len(msgspec.json.encode(after)) > MOST_BYTES:
        faults.append(Fault("/custom", "too_large", f"at most {MOST_BYTES:,} bytes in all"))
    draft.values["custom"] = after
    return faults


def _set(
    field: Field, value: Any, before: Mapping[str, Any], after: dict[str, Any], faults: list[Fault]
) -> None:
    try:
        kept = read(field, value)
        if field.filterable and KINDS[field.type].compared is not None:
            compared(field, kept)
        if field.options and kept != before.get(field.key):
            _require_live(field, kept, before.get(field.key))
        after[field.key] = kept
    except (ValueError, ArithmeticError) as error:
        faults.append(Fault(f"/custom/{field.key}", "invalid", str(error)))


def _require_live(field: Field, kept: Any, before: Any) -> None:
    """An option that is archived stays where it is, and is chosen nowhere else."""
    chosen = kept if isinstance(kept, list) else [kept]
    had = before if isinstance(before, list) else [before]
    if any(field.choices[each].archived and each not in had for each in chosen):
        raise ValueError("an option that is not archived")


def _concerns(change: Change) -> bool:
    before, after = change.before, change.after
    if before is None or after is None:
        return True
    return before.get("custom") != after.get("custom") or _is_archived(before) != _is_archived(after)


def _value(values: Mapping[str, Any], field: Field) -> Any:
    return (values.get("custom") or {}).get(field.key)


def _is_archived(values: Mapping[str, Any]) -> bool:
    return values.get("archived_at") is not None


def _valued(change: Change, after: Mapping[str, Any], field: Field) -> Valued:
    return Valued(change.id, field, _value(after, field), _is_archived(after), after["created_at"])
