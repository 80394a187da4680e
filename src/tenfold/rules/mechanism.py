"""By what a policy tells one session from another: the setting that plans use, or something else.

Two mechanisms in one database are two answers to "which tenant is this?": a session that has set one of them
and not the other sees too much or nothing. What an expression calls and reads comes from pg_depend, what it
says from its parsed text; of the system's own functions, those are named that tell about the session.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from tenfold.model.ddl import identifier, literal, qualified
from tenfold.model.relations import Policy
from tenfold.model.remedy import AlterPolicy
from tenfold.model.snapshot import Snapshot

if TYPE_CHECKING:
    from sqlglot import exp

#: The system's functions whose answer depends on who asks.
_ABOUT_THE_SESSION = frozenset({"pg_has_role", "inet_client_addr", "inet_client_port", "pg_backend_pid"})
_USERS = {"currentuser": "current_user", "sessionuser": "session_user", "currentrole": "current_role"}
#: Those that the parser takes for a column; the server writes them in capitals.
_USER_KEYWORDS = frozenset({"CURRENT_ROLE", "SYSTEM_USER", "USER"})


class Mechanism(msgspec.Struct, frozen=True):
    """What a policy goes by."""

    #: Whether it compares with the setting that plans use, itself or through a function that reads it.
    by_setting: bool
    #: All else that it asks, as it is written: `auth.uid()`, `current_user`, `current_setting('x.y')`.
    others: tuple[str, ...]

    def __str__(self) -> str:
        return " and ".join(self.others) or "nothing of the session"


def mechanism_of(snapshot: Snapshot, policy: Policy, setting: str) -> Mechanism:
    """What the policy's expressions go by, taken together."""
    by_setting = False
    others: list[str] = []
    for oid in policy.functions:
        function = snapshot.function_by_oid.get(oid)
        body = (function.source or function.definition or "") if function is not None else ""
        # A function that reads our setting is our setting in disguise, if it reads no other.
        if literal(setting) in body and body.lower().count("current_setting") == body.count(literal(setting)):
            by_setting = True
        elif function is not None:
            others.append(f"{qualified(function.schema, function.name)}()")
    for text in (policy.using, policy.check):
        if text is not None:
            by_setting = by_setting or setting in _settings(text)
            others += _asked(text, setting)
    others += [
        f"rows of {snapshot.relation_by_oid[oid].display}"
        for oid in policy.relations
        if oid in snapshot.relation_by_oid
    ]
    return Mechanism(by_setting, tuple(dict.fromkeys(others)))


def taken_over(
    snapshot: Snapshot, policy: Policy, remedy: AlterPolicy, setting: str
) -> tuple[tuple[str, Mechanism], ...]:
    """The clauses that a rewrite makes compare with the setting, each with what it went by so far."""
    clauses = (("USING", remedy.using, policy.using), ("WITH CHECK", remedy.check, policy.check))
    found = []
    for clause, new, old in clauses:
        was = mechanism_of(snapshot, msgspec.structs.replace(policy, using=old, check=None), setting)
        if new is not None and setting in _settings(new) and not was.by_setting:
            found.append((clause, was))
    return tuple(found)


def _settings(text: str) -> frozenset[str]:
    """The run-time settings that an expression reads; none where it cannot be parsed."""
    from tenfold.rules.tenancy._syntax import parse

    tree = parse(text)
    read = (_setting(node) for node in tree.walk()) if tree is not None else ()
    return frozenset(name for name in read if name is not None)


def _asked(text: str, setting: str) -> Iterator[str]:
    from tenfold.rules.tenancy._syntax import parse

    tree = parse(text)
    if tree is None:
        yield "an expression that is not understood"
        return
    for node in tree.walk():
        name = _setting(node)
        if name is not None and name != setting:
            yield f"current_setting({literal(name)})"
        elif (user := _user(node)) is not None:
            yield user


def _setting(node: exp.Expr) -> str | None:
    """The setting that a call reads, also one of the server's own, such as `role`."""
    from sqlglot import exp

    if not isinstance(node, exp.Anonymous) or node.name.lower() != "current_setting" or not node.expressions:
        return None
    name = node.expressions[0]
    while isinstance(name, exp.Cast | exp.Paren):
        name = name.this
    return str(name.name) if isinstance(name, exp.Literal) else None


def _user(node: exp.Expr) -> str | None:
    from sqlglot import exp

    if node.key in _USERS:
        return _USERS[node.key]
    if isinstance(node, exp.Column) and node.name in _USER_KEYWORDS and not node.this.quoted:
        return node.name.lower()
    if isinstance(node, exp.Anonymous) and node.name.lower() in _ABOUT_THE_SESSION:
        return f"{identifier(node.name.lower())}()"
    return None
