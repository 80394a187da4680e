"""A plan as a file that `tenfold apply --plan` takes: JSON, read back strictly."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from tenfold.errors import PlanFileError
from tenfold.model.change import PLAN_VERSION, Plan

_AGAIN = "make it again with: tenfold plan DSN --format json -o FILE"


def write_json(plan: Plan) -> str:
    """The plan as indented JSON, which `read_plan` decodes to an equal value."""
    # The version is written also where it is the struct's default: a later Tenfold must see it.
    fields = {"version": plan.version} | msgspec.to_builtins(plan)
    return msgspec.json.format(msgspec.json.encode(fields), indent=2).decode() + "\n"


def read_plan(file: Path) -> Plan:
    """Raises PlanFileError: not there, not a plan, cut short, damaged or of another version."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise PlanFileError(f"{file} cannot be read: {error.strerror or error}") from error
    try:
        header = msgspec.json.decode(content, type=_Header)
        if header.version != PLAN_VERSION:
            raise PlanFileError(
                f"{file} is a plan of format {header.version}, this Tenfold reads {PLAN_VERSION}; {_AGAIN}"
            )
        plan = msgspec.json.decode(content, type=Plan)
    except msgspec.ValidationError as error:
        raise _refusal(file, content, error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PlanFileError(f"{file} is cut short or not a plan; {_AGAIN}") from error
    _check(file, plan)
    return plan


class _Header(msgspec.Struct):
    version: int
    fingerprint: str


def _refusal(file: Path, content: bytes, error: msgspec.ValidationError) -> PlanFileError:
    with contextlib.suppress(msgspec.DecodeError):  # without a header it is not a plan
        msgspec.json.decode(content, type=_Header)
        return PlanFileError(f"{file} is damaged ({error}); {_AGAIN}")
    return PlanFileError(f"{file} is not a plan; {_AGAIN}")


def _check(file: Path, plan: Plan) -> None:
    """Whether its changes refer to each other as the applier relies on: backwards, by ids that are there."""
    known: set[str] = set()
    for change in plan.changes:
        missing = sorted(set(change.requires) - known)
        if missing or change.id in known:
            what = f"requires {missing[0]}, which does not come before it" if missing else "is in it twice"
            raise PlanFileError(f"{file} was edited: {change.id} {what}; {_AGAIN}")
        known.add(change.id)
