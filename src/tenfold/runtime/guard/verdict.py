"""What is found wrong with a statement, in words."""

from __future__ import annotations

from typing import Literal, NamedTuple

from tenfold.runtime.guard.values import Value

Kind = Literal["unbound", "insert", "conflict", "moves", "whole", "column"]


class Fault(NamedTuple):
    """One use of a tenant table that nothing holds to a tenant."""

    kind: Kind
    #: As it is written, with its schema.
    table: str
    #: How columns of it are written: its alias or its name.
    alias: str
    column: str

    def __str__(self) -> str:
        column = f"{self.alias}.{self.column}"
        named = self.table if self.alias == self.table.rpartition(".")[2] else f"{self.table} {self.alias}"
        match self.kind:
            case "insert":
                return f"{named} gets rows without a tenant: give {self.column} a parameter, as $1, in each"
            case "column":
                return f"{named} gets rows without names of columns: write them, with {self.column}"
            case "conflict":
                return (
                    f"{named} may update another tenant's row: put {self.column} among the columns of "
                    f"ON CONFLICT, or add: WHERE {column} = $1"
                )
            case "moves":
                return f"{named} has {self.column} set, which moves a row to another tenant: leave it out"
            case "whole":
                return f"{named} is taken with the rows of all tenants"
        return f"{named} is not held to a tenant: add: {column} = $1"


class Comparison(NamedTuple):
    """A value that must be the session's tenant."""

    table: str
    column: str
    value: Value

    def __str__(self) -> str:
        return f"{self.column} of {self.table} is compared with another tenant than the session's"


class Verdict(NamedTuple):
    """What reading a statement once has shown."""

    faults: tuple[Fault, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    #: Its own words say that it means all tenants.
    across: bool = False
    #: Why it could not be read.
    unread: str = ""


#: Nothing to look at, whatever the parameters are.
PASSED = Verdict()
