"""Every fault a user can meet, as one tree.

The docstring of an error is its default message and says what to do; a raiser that knows more passes a
message of its own. The command line prints the message on one line and exits with 2.
"""

from __future__ import annotations

from collections.abc import Iterable


class TenfoldError(Exception):
    """Tenfold could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or " ".join((type(self).__doc__ or "").split()))

    @property
    def message(self) -> str:
        """The message on one line, fit for a terminal."""
        return " ".join(str(self).split())


# --- reaching a server -------------------------------------------------------------------------------


class ConnectError(TenfoldError):
    """The server could not be reached; check host, port and that it accepts connections."""


class AuthenticationError(ConnectError):
    """The server refused the role or password; check the DSN, PGUSER, PGPASSWORD or ~/.pgpass."""


class NotPostgresError(ConnectError):
    """What answers at this address does not speak the PostgreSQL protocol; check host and port."""


class UnsupportedServerError(TenfoldError):
    """The server's version is not supported; Tenfold works with PostgreSQL 13 to 18."""


class CapabilityError(UnsupportedServerError):
    """The server lacks a capability that this needs."""


class PrivilegeError(TenfoldError):
    """The role lacks a right that this needs; grant it, or connect as another role."""


class ConnectionLostError(TenfoldError):
    """The connection was lost; run the same command again, it goes on where it stopped."""


class StatementTimeoutError(TenfoldError):
    """The server cancelled the statement at its timeout; give a longer one with --timeout."""


class LockTimeoutError(TenfoldError):
    """A lock could not be had in time; something else holds it."""


class StatementError(TenfoldError):
    """The server refused a statement."""


class CatalogChangedError(StatementError):
    """The catalog changed while it was read; run the same command again when nobody changes the schema."""


# --- the embedded server -----------------------------------------------------------------------------


class EmbeddedServerError(TenfoldError):
    """The embedded PostgreSQL server could not be started or stopped; its log says why."""


# --- the twin ----------------------------------------------------------------------------------------


class TwinError(TenfoldError):
    """The twin could not be built; the message says which part."""


class NotPlannableError(TenfoldError):
    """The twin cannot plan this statement as the source would."""


# --- inputs ------------------------------------------------------------------------------------------


class SourceError(TenfoldError):
    """The source is neither a DSN nor a snapshot file; give postgresql://..., service=... or a file."""


class SnapshotFileError(SourceError):
    """The snapshot file cannot be read; take it again with: tenfold snapshot DSN -o FILE"""


class ConfigError(TenfoldError):
    """The configuration cannot be used; correct it, the documentation lists every key."""


class ScenarioError(TenfoldError):
    """The scenario cannot be used; correct it, docs/reference/scenario.md lists every key."""


class EmptyDatabaseError(TenfoldError):
    """The database has no tables, so there is nothing to judge; name the one that you mean in the DSN."""


class UsageError(TenfoldError):
    """The command cannot be carried out as given; see --help."""


class PlanFileError(TenfoldError):
    """The plan file cannot be used; make it again with: tenfold plan DSN --format json -o FILE"""


class CalibrationFileError(TenfoldError):
    """The calibration file cannot be used; make it again with: tenfold calibrate DSN -o FILE"""


class NothingMeasuredError(TenfoldError):
    """No statement could be measured in the time given; give more with --seconds."""


class BaselineError(TenfoldError):
    """The baseline of the gate cannot be used; make it again with --update."""


class OutputError(TenfoldError):
    """The output file cannot be written; check the path and the free space."""


# --- applying ----------------------------------------------------------------------------------------


class ForeignPlanError(TenfoldError):
    """The plan was made for another database; make one for this database."""


class ApplyInProgressError(TenfoldError):
    """Another `tenfold apply` works on this database; wait for it to end."""


class NoRecordError(TenfoldError):
    """There is no record of changes to this database; name its folder with --journal."""


class ApplyError(TenfoldError):
    """A change could not be applied; what was done stays, and running apply again goes on from there."""


class ApplyInterruptedError(TenfoldError):
    """Interrupted; what was done stays, run the same command again to go on."""


# --- the runtime -------------------------------------------------------------------------------------


class TenantError(TenfoldError):
    """No tenant is set here, so nothing is asked; enter `async with db.tenant(id)` first."""


class InvalidTenantError(TenantError):
    """This is no id of a tenant; give one of the type that the Database was told."""


class NoTenantError(TenantError):
    """This request has no tenant, so nothing is asked for it."""


class UnsafeRoleError(TenfoldError):
    """Row-level security does not bind this role; connect as one that owns nothing and is no superuser."""


class PoolTimeoutError(TenfoldError):
    """No connection came free in time; the message says who holds them."""


class DatabaseUnavailableError(TenfoldError):
    """The database cannot be reached for this; it is tried again in the background."""


class ReplicaError(TenfoldError):
    """A server given as a replica is none of this primary; check the addresses."""


class UnsafePolicyError(TenfoldError):
    """A function marked IMMUTABLE reads a setting, so a kept plan shows one tenant's rows to another."""


class NotCommittedError(TenfoldError):
    """A statement of the transaction failed, so nothing was committed; use savepoint() around such."""


class SessionClosedError(TenfoldError):
    """The session has ended; statements belong inside its `async with` block."""


class UnboundTenantError(TenfoldError):
    """A statement reads or writes tenants' rows and does not say whose; the message says what to add."""


class ReadOnlySessionError(TenfoldError):
    """The session was opened read-only; open one that writes."""


class CursorError(TenfoldError):
    """This cursor is damaged, forged, or of another tenant, order or filter; begin at the first page."""


class OrderError(TenfoldError):
    """The rows do not keep what their order says of them."""


class LoaderError(TenfoldError):
    """The loader cannot answer this."""


class BulkError(TenfoldError):
    """Rows were refused, and none was written; the message names them by their place and the constraint."""


class CacheError(TenfoldError):
    """The cache cannot serve what was asked of it; the message says why."""


class CacheClosedError(CacheError):
    """The cache is not open here; use it inside `async with cache:`, in the event loop that opened it."""


class NamespaceError(CacheError):
    """The namespace is not declared, or not as it is used; give it to Cache(...) once, under one name."""


class CacheKeyError(CacheError):
    """This is no key of a cache; give a str, int or UUID, or a tuple of them."""


class CodecError(CacheError):
    """A value does not fit the type that its namespace declares."""


class LoadFailedError(CacheError):
    """A load failed a moment ago, as its namespace remembers; it is tried again after failure_ttl."""


class LoadTimeoutError(CacheError):
    """A load took longer than its namespace allows; make it faster, or raise load_timeout."""


class RepeatedQueryError(TenfoldError):
    """One request or job asked the same statement too often (N+1); load the rows together."""


class ReadModelError(TenfoldError):
    """The read model cannot be used as it stands; the message says why, and what to do."""


class PublicResponseError(TenfoldError):
    """A response declared public proved to be somebody's after it began; know before, or declare it less."""


class OutboxError(TenfoldError):
    """The outbox cannot do this; the message says why."""


# --- words for messages ------------------------------------------------------------------------------


def did_you_mean(word: str, known: Iterable[str], likeness: float = 0.4) -> str:
    """`; did you mean NAME?` where known names are that much like the word, of 1, else nothing."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=3, cutoff=likeness)
    return f"; did you mean {', '.join(near)}?" if near else ""
