"""Makes a snapshot's schema in a database of the embedded server, and says what could not be made.

Statements go in batches, one message each. A batch that the server refuses is sent again statement by
statement, and what fails is tried again after every later stage: a function may need a table, a view another
view. What fails to the end is tried by its stand-in, and is reported in either case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tenfold.model.ddl import qualified
from tenfold.model.snapshot import Snapshot
from tenfold.model.twin import NotCarried
from tenfold.twin.names import MISSING_POLICY, TWIN_SCHEMA
from tenfold.twin.schema import Stage, Step, schema_stages
from tenfold.twin.session import TwinSession

Progress = Callable[[str], None]

# Each statement of a message holds its locks to the message's end.
_BATCH = 400

_OWN = (
    f"CREATE SCHEMA {TWIN_SCHEMA};"
    f" CREATE FUNCTION {TWIN_SCHEMA}.{MISSING_POLICY}() RETURNS boolean LANGUAGE plpgsql VOLATILE"
    " AS $body$BEGIN RETURN NULL; END$body$;"
    # To write extended statistics; the server has no other way in.
    " CREATE CAST (bytea AS pg_ndistinct) WITHOUT FUNCTION;"
    " CREATE CAST (bytea AS pg_dependencies) WITHOUT FUNCTION;"
    " CREATE CAST (bytea AS pg_mcv_list) WITHOUT FUNCTION;"
    f" GRANT USAGE ON SCHEMA {TWIN_SCHEMA} TO PUBLIC"
)


def build_schema(
    session: TwinSession, snapshot: Snapshot, progress: Progress | None = None
) -> list[NotCarried]:
    """Makes everything but roles in an empty database."""
    work = _Work(session)
    work.require(_OWN)
    for stage in schema_stages(snapshot):
        if progress is not None:
            progress(f"twin: {stage.name}")
        work.run(stage)
        if stage.name == "collations":
            work.stand_in()  # what is made next names them
        if stage.name == "types":
            work.stand_in_for_types(snapshot)
    return [*work.finish(), *_left_out(snapshot)]


def _left_out(snapshot: Snapshot) -> Iterator[NotCarried]:
    """What no statement is written for."""
    for relation in snapshot.relations:
        if relation.kind == "f" and relation.extension is None:
            yield NotCarried(f"foreign table {relation.qualified}", "what it costs, another server knows")
    for function in snapshot.functions:
        if function.kind == "a" and function.extension is None:
            yield NotCarried(f"aggregate {function.qualified}", "a snapshot does not tell what it is made of")


class _Work:
    def __init__(self, session: TwinSession) -> None:
        self._session = session
        self._left: list[Step] = []
        self._not_carried: list[NotCarried] = []

    def require(self, script: str) -> None:
        refused = self._session.script(script)
        assert refused is None, refused

    def run(self, stage: Stage) -> None:
        for start in range(0, len(stage.steps), _BATCH):
            batch = stage.steps[start : start + _BATCH]
            if self._session.script(";\n".join(step.sql for step in batch)) is not None:
                self._left += [step for step in batch if self._session.script(step.sql) is not None]
        self._try_again()

    def stand_in_for_types(self, snapshot: Snapshot) -> None:
        """Opaque types for those that no extension here has: of a width, and known to no operator."""
        self._try_again()
        names = sorted({_element(column.type) for column in snapshot.columns})
        for (name,) in self._session.named("missing_types", names=names):
            refused = self._session.script(_opaque_type(name))
            if refused is None:
                self._not_carried.append(NotCarried(f"type {name}", "the embedded server lacks it", True))

    def finish(self) -> list[NotCarried]:
        """What was refused to the end, with the reason, after stand-ins had their chance."""
        self._try_again()
        self.stand_in()
        self._try_again()  # what needed a table that only its stand-in could be made of
        for step in self._left:
            if (reason := self._session.script(step.sql)) is not None:
                self._not_carried.append(NotCarried(step.makes, reason))
        return self._not_carried

    def stand_in(self) -> None:
        """Stand-ins for what is left, where there are any."""
        left, self._left = self._left, []
        for step in left:
            if (reason := self._session.script(step.sql)) is None:
                continue  # something else's stand-in was all it needed
            stands_in = any(self._session.script(sql) is None for sql in step.instead)
            if not stands_in:
                self._left.append(step)
            else:
                self._not_carried.append(NotCarried(step.makes, reason, True))

    def _try_again(self) -> None:
        """Until nothing more succeeds."""
        before = len(self._left) + 1
        while self._left and len(self._left) < before:
            before = len(self._left)
            self._left = [step for step in self._left if self._session.script(step.sql) is not None]


_MODIFIER = re.compile(r"\([^()]*\)|\[\]")


def _element(type_name: str) -> str:
    """The type without length, precision and array brackets."""
    return _MODIFIER.sub("", type_name).strip()


def _opaque_type(name: str) -> str:
    # Text underneath. The name is as format_type wrote it, quoted where needed.
    read, write = (qualified(TWIN_SCHEMA, f"{verb} {name}"[:60]) for verb in ("read", "write"))
    return (
        f"CREATE TYPE {name};"
        f" CREATE FUNCTION {read}(cstring) RETURNS {name} LANGUAGE internal IMMUTABLE STRICT AS 'textin';"
        f" CREATE FUNCTION {write}({name}) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';"
        f" CREATE TYPE {name} (INPUT = {read}, OUTPUT = {write}, STORAGE = extended)"
    )
