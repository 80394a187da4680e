"""Which field each column of a file is, and by which field a thing is known.

A field is one of the kind that is imported, `custom.` and the key of a custom field, or, for a thing that it
refers to, that and its field: `person.email` of a contact is the e-mail of its person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tenfold.errors import did_you_mean
from tenfold_hub.kit.custom import PREFIX
from tenfold_hub.kit.problems import Fault, Problem
from tenfold_hub.kit.records import Records
from tenfold_hub.kit.resource import Resource

#: Of people: the source of ids of another system follows, as in `external:shopify`.
EXTERNAL = "external:"
EXTERNAL_FIELD = "external_id"
#: Of things that have tags: their names.
TAGS = "tags"


@dataclass(frozen=True, slots=True)
class Target:
    """Things of one kind, that a file is about or refers to: `name` is empty for the former."""

    name: str
    records: Records
    #: By column: the field, or the key of the custom field.
    fields: dict[str, str] = field(default_factory=dict)
    custom: dict[str, str] = field(default_factory=dict)


def targets(
    kind: str, known: Mapping[str, Records], columns: Sequence[str], mapping: Mapping[str, str | None] | None
) -> dict[str, Target]:
    """By their name, those that others refer to first. Raises Problem, with each column that is wrong."""
    found, faults = described(kind, known, columns, mapping)
    if faults:
        some = f"{len(faults)} of the columns cannot be imported as they are"
        raise Problem("invalid", some, list(faults.values()))
    if not any(each.fields or each.custom for each in found.values()):
        fault = Fault("/mapping", "required", "no column is mapped to a field")
        raise Problem("invalid", fault.detail, [fault])
    return found


def described(
    kind: str, known: Mapping[str, Records], columns: Sequence[str], mapping: Mapping[str, str | None] | None
) -> tuple[dict[str, Target], dict[str, Fault]]:
    """The same, and what is wrong by column. Raises Problem for a kind that is not imported."""
    records = known.get(kind)
    if records is None or not importable(records.resource):
        can = ", ".join(sorted(name for name, each in known.items() if importable(each.resource)))
        raise Problem("invalid", f"`kind` is one of {can}", [Fault("/kind", "invalid", f"give one of {can}")])
    main = Target("", records)
    found: dict[str, Target] = {}
    faults: dict[str, Fault] = {}
    for column, path in _paths(columns, mapping, faults).items():
        name, _, rest = path.partition(".")
        target = main
        if rest and name in records.resource.expands:
            other = known[records.resource.expands[name]]
            target = found.setdefault(name, Target(name, other))
            path = rest
        _add(target, column, path, faults)
    return {**found, "": main}, faults


def importable(resource: Resource) -> bool:
    return {"create", "update"} <= resource.writes


def matches(found: Mapping[str, Target], asked: Mapping[str, str], mode: str) -> dict[str, str]:
    """By the target's name, the field that it is known by. Raises Problem where there is none."""
    chosen: dict[str, str] = {}
    for name, target in found.items():
        resource = target.records.resource
        mapped = set(target.fields.values()) | {f"{each}_id" for each in found if not name and each}
        by = asked.get(name) or next((each for each in _natural(resource) if each in mapped), "")
        if by.startswith(EXTERNAL) and resource.name == "people":
            wanted = EXTERNAL_FIELD
        else:
            wanted = by
            if by and ("eq" not in resource.filters[by].operators if by in resource.filters else True):
                raise _unmatched(name, f"no index serves {resource.name} by this field")
        if wanted and wanted not in mapped:
            raise _unmatched(name, f"no column is mapped to {wanted}")
        if not by and (name or mode != "create"):
            natural = ", ".join(_natural(resource)) or "a field that lists are filtered by"
            raise _unmatched(name, f"map a column to what {resource.name} are known by: {natural}")
        chosen[name] = by
    return chosen


def _natural(resource: Resource) -> list[str]:
    """Fields that are unique, and those that are compared in a normal form: e-mail addresses and the like."""
    unique = [
        fault.pointer.removeprefix("/") for fault in resource.constraints.values() if fault.code == "taken"
    ]
    normal = [name for name, each in resource.filters.items() if each.normal is not None]
    return [name for name in dict.fromkeys((*unique, *normal)) if name in resource.filters]


def _paths(
    columns: Sequence[str], mapping: Mapping[str, str | None] | None, faults: dict[str, Fault]
) -> dict[str, str]:
    if mapping is None:
        return {column: "_".join(column.strip().lower().split()) for column in columns}
    for column in mapping.keys() - set(columns):
        why = f"no such column{did_you_mean(column, columns)}"
        faults[column] = Fault(f"/mapping/{column[:60]}", "unknown", why)
    return {column: path for column, path in mapping.items() if path is not None and column in columns}


def _add(target: Target, column: str, path: str, faults: dict[str, Fault]) -> None:
    resource = target.records.resource
    known = dict.fromkeys((*resource.new.__struct_fields__, *resource.patch.__struct_fields__))
    where = f"/mapping/{column[:60]}"
    taken = {*target.fields.values(), *(PREFIX + key for key in target.custom.values())}
    if path in taken:
        faults[column] = Fault(where, "doubled", f"two columns are mapped to {path}")
    elif resource.custom and path.startswith(PREFIX):
        target.custom[column] = path.removeprefix(PREFIX)
    elif path in known or path in _besides(target):
        target.fields[column] = path
    else:
        names = [*known, *_besides(target), *(f"{each}." for each in resource.expands if each != TAGS)]
        why = f"{resource.name} have no field {path[:60]!r}{did_you_mean(path, names)}"
        faults[column] = Fault(where, "unknown_field", why)


def _besides(target: Target) -> list[str]:
    """What a row may say that is no field of the thing: who it is elsewhere, and which tags it is given."""
    resource = target.records.resource
    found = [EXTERNAL_FIELD] if resource.name == "people" else []
    return [*found, TAGS] if not target.name and TAGS in resource.expands else found


def _unmatched(name: str, why: str) -> Problem:
    pointer = f"/match/{name}" if name else "/match"
    return Problem("invalid", why, [Fault(pointer, "invalid", why)])
