"""What a user reads when a session cannot be had, and what a session that was had may do."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tenfold.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    LockTimeoutError,
    NotPostgresError,
    PrivilegeError,
    SourceError,
    StatementError,
    StatementTimeoutError,
    TenfoldError,
)
from tenfold.pg.connect import Connection, connect, execute_script, read_transaction, translate_errors
from tenfold.pg.embedded import EmbeddedServer
from tests.waiting import await_condition

PASSWORD = "hunter2"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSERVICE", "PGSERVICEFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")


@pytest.fixture(scope="module")
def tcp() -> Iterator[EmbeddedServer]:
    """A server that asks for a password, by SCRAM, on 127.0.0.1."""
    with EmbeddedServer.temporary(port=0) as server:
        yield server


@pytest.fixture
def writer(database: str) -> Iterator[Connection]:
    with contextlib.closing(connect(database, writable=True)) as connection:
        yield connection


@pytest.fixture
def reader(database: str) -> Iterator[Connection]:
    with contextlib.closing(connect(database)) as connection:
        yield connection


def refusal(source: str, kind: type[TenfoldError]) -> str:
    """The one line that a user reads; no password of ours is in it."""
    with pytest.raises(kind) as caught:
        connect(source).close()
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


# --- no server ---


def test_a_refused_connection_names_the_server() -> None:
    port = free_port()
    assert refusal(f"postgresql://app:{PASSWORD}@127.0.0.1:{port}/shop", ConnectError) == (
        f'cannot connect: Connection refused (server at "127.0.0.1", port {port}); '
        "check host and port, and that PostgreSQL runs there"
    )


def test_several_hosts_that_refuse_give_one_line() -> None:
    ports = f"127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    assert "Connection refused" in refusal(f"postgresql://app:{PASSWORD}@{ports}/shop", ConnectError)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64 + ".invalid"])
def test_a_host_that_is_none_is_named(host: str) -> None:
    said = refusal(f"postgresql://app:{PASSWORD}@{host}/shop", ConnectError)
    assert said.startswith("cannot connect: ")
    assert said.endswith(("check host and port, and that PostgreSQL runs there", "check host and port"))


def test_a_missing_socket_is_named(tmp_path: Path) -> None:
    said = refusal(f"host={tmp_path} port=5432 dbname=shop", ConnectError)
    assert said.startswith(
        f'cannot connect: No such file or directory (server on socket "{tmp_path}/.s.PGSQL.5432")'
    )


# --- a server that refuses ---


def test_a_wrong_password(tcp: EmbeddedServer) -> None:
    said = refusal(f"postgresql://postgres:{PASSWORD}@127.0.0.1:{tcp.port}/postgres", AuthenticationError)
    assert said == (
        f'password authentication failed for user "postgres" (server at "127.0.0.1", port {tcp.port}); '
        "check the DSN, PGUSER, PGPASSWORD or ~/.pgpass"
    )


def test_no_password(tcp: EmbeddedServer) -> None:
    said = refusal(f"postgresql://postgres@127.0.0.1:{tcp.port}/postgres", AuthenticationError)
    assert "no password supplied" in said


@pytest.mark.parametrize("role", ["nobody_of_that_name", 'no "such" rôle 🙂'])
def test_an_unknown_role(server: EmbeddedServer, role: str) -> None:
    said = refusal(server.dsn(user=role), AuthenticationError)
    assert said.startswith(f'role "{role}" does not exist')


def test_a_role_that_may_not_log_in(server: EmbeddedServer) -> None:
    assert "is not permitted to log in" in refusal(server.dsn(user="pg_read_all_data"), AuthenticationError)


@pytest.mark.parametrize("name", ["no such database", 'odd "one" 🙂'])
def test_an_unknown_database(server: EmbeddedServer, name: str) -> None:
    said = refusal(server.dsn(name), ConnectError)
    assert said.startswith(f'database "{name}" does not exist')
    assert said.endswith("list them with: psql -l")


def test_a_database_without_the_right_to_connect(
    server: EmbeddedServer, database: str, writer: Connection
) -> None:
    name = conninfo_to_dict(database)["dbname"]
    role = f"stranger_{name}"
    execute_script(writer, f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC; CREATE ROLE {role} LOGIN")
    try:
        said = refusal(server.dsn(str(name), user=role), AuthenticationError)
    finally:
        execute_script(writer, f"DROP ROLE {role}")
    assert said.startswith(f'permission denied for database "{name}"')
    assert said.endswith(f"; let the role in with: GRANT CONNECT ON DATABASE {name} TO {role}")


def test_no_connection_left(database: str, writer: Connection) -> None:
    name = conninfo_to_dict(database)["dbname"]
    role = f"one_{name}"
    execute_script(writer, f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0")
    try:
        said = refusal(f"{database} user={role}", ConnectError)
    finally:
        execute_script(writer, f"DROP ROLE {role}")
    assert said.startswith(f'the server refused the connection: too many connections for role "{role}"')


def test_a_server_without_ssl_where_it_is_required(tcp: EmbeddedServer) -> None:
    said = refusal(f"{tcp.dsn(tcp=True)} sslmode=require", ConnectError)
    assert "server does not support SSL, but SSL was required" in said
    assert said.endswith("check sslmode and certificates")


# --- something else ---


@contextlib.contextmanager
def answering(answer: bytes | None, *, reads: bool = True) -> Iterator[int]:
    """The port of a server that gives each client these bytes and leaves; None: it never says anything."""
    clients: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                clients.append(client)
                with contextlib.suppress(OSError):
                    if reads:
                        client.recv(1024)
                    if answer is not None:
                        client.sendall(answer)
                        client.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for client in clients:
                client.close()


def test_an_http_server_that_waits_for_a_line_is_given_up() -> None:
    class Quiet(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as web:
        web.daemon_threads = True
        web.block_on_close = False
        threading.Thread(target=web.serve_forever, args=(0.01,), daemon=True).start()
        try:
            source = f"postgresql://app:{PASSWORD}@127.0.0.1:{web.server_port}/shop?connect_timeout=2"
            said = refusal(source, ConnectError)
        finally:
            web.shutdown()
    assert said.endswith("check host and port, and that PostgreSQL runs there")


@pytest.mark.parametrize(
    ("answer", "reads"),
    [
        (b"-ERR unknown command\r\n", True),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", True),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False),
        (bytes.fromhex("4a0000000a382e302e3333") + b"mysql_native_password\0", False),
    ],
    ids=["redis", "http", "ssh", "mysql"],
)
@pytest.mark.parametrize("ssl", ["prefer", "disable"])
def test_another_protocol_is_told_from_postgresql(answer: bytes, reads: bool, ssl: str) -> None:
    with answering(answer, reads=reads) as port:
        said = refusal(f"postgresql://app:{PASSWORD}@127.0.0.1:{port}/shop?sslmode={ssl}", NotPostgresError)
    assert said == (
        f'what answers (server at "127.0.0.1", port {port}) does not speak the PostgreSQL protocol; '
        "check host and port"
    )


@pytest.mark.parametrize("reads", [True, False])
def test_a_server_that_hangs_up(reads: bool) -> None:
    with answering(b"", reads=reads) as port:
        said = refusal(f"postgresql://app:{PASSWORD}@127.0.0.1:{port}/shop", ConnectError)
    assert said.startswith("cannot connect: ")
    assert said.endswith("check host and port, and that PostgreSQL runs there")


@pytest.mark.parametrize("by", ["dsn", "environment"])
def test_a_server_that_never_answers_is_given_up_when_the_user_says(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(None) as port:
        source = f"postgresql://app:{PASSWORD}@127.0.0.1:{port}/shop"
        if by == "dsn":
            source += "?connect_timeout=2"
        else:
            monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")
            monkeypatch.setattr("tenfold.pg.connect.CONNECT_TIMEOUT", 3600)
        said = refusal(source, ConnectError)
    assert said.startswith('cannot connect: connection timeout expired (server at "127.0.0.1")')


# --- the source ---


@pytest.mark.parametrize(
    "source",
    [
        f"mysql://root:{PASSWORD}@127.0.0.1/shop",
        f"postgresql://app:x@{PASSWORD}@127.0.0.1/shop",
        f"host=127.0.0.1 password=x {PASSWORD}",
        "host=127.0.0.1 dbnam=shop",
    ],
)
def test_a_malformed_dsn_reaches_no_server(source: str) -> None:
    refusal(source, SourceError)


def test_an_asyncpg_url_connects(tcp: EmbeddedServer) -> None:
    password = quote(str(tcp.password), safe="")
    url = f"postgresql+asyncpg://postgres:{password}@127.0.0.1:{tcp.port}/postgres"
    with contextlib.closing(connect(url)) as connection:
        assert connection.info.dbname == "postgres"


def test_a_service_connects(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = conninfo_to_dict(database)
    lines = "".join(f"{name}={parts[name]}\n" for name in ("host", "port", "user", "dbname"))
    (tmp_path / "services").write_text(f"[shop]\n{lines}")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    with contextlib.closing(connect("service=shop")) as connection:
        assert connection.info.dbname == parts["dbname"]
    assert refusal("service=another", ConnectError) == (
        'definition of service "another" not found; check ~/.pg_service.conf or PGSERVICEFILE'
    )


def test_a_missing_service_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICEFILE", "/nonexistent/services")
    assert refusal("service=shop", ConnectError).startswith('service file "/nonexistent/services" not found')


def test_nothing_means_the_environment(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = conninfo_to_dict(database)
    for variable, name in {
        "PGHOST": "host",
        "PGPORT": "port",
        "PGUSER": "user",
        "PGDATABASE": "dbname",
    }.items():
        monkeypatch.setenv(variable, str(parts[name]))
    with contextlib.closing(connect("")) as connection:
        assert connection.info.dbname == parts["dbname"]


# --- a reader's session ---


def test_a_readers_transaction_has_its_bounds_and_names_nothing_by_path(reader: Connection) -> None:
    with read_transaction(reader, statement_timeout=7, lock_timeout=0.0001):
        assert shown(reader, "transaction_read_only") == "on"
        assert shown(reader, "transaction_isolation") == "repeatable read"
        assert shown(reader, "statement_timeout") == "7s"
        assert shown(reader, "lock_timeout") == "1ms"  # no bound would be 0
        assert shown(reader, "idle_in_transaction_session_timeout") == "1min"
        assert shown(reader, "search_path") == "pg_catalog"
        assert shown(reader, "application_name") == "tenfold"


def test_a_reader_leaves_no_setting_on_its_connection(reader: Connection) -> None:
    with read_transaction(reader):
        pass
    changed = reader.execute(
        "SELECT name FROM pg_settings WHERE source = 'session' AND name !~ '^transaction_'"
    ).fetchall()
    assert changed == []


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE x ()", "SET default_transaction_read_only = off; CREATE TABLE x ()"]
)
def test_a_reader_can_not_write_outside_a_read_transaction_either(reader: Connection, statement: str) -> None:
    with pytest.raises(StatementError, match="cannot execute CREATE TABLE in a read-only transaction"):
        execute_script(reader, statement)


def test_an_earlier_question_does_not_age_the_picture(
    database: str, reader: Connection, writer: Connection
) -> None:
    assert reader.execute("SELECT count(*) FROM pg_class WHERE relname = 'new'").fetchone() == (0,)
    writer.execute("CREATE TABLE new ()")
    with read_transaction(reader):
        assert reader.execute("SELECT count(*) FROM pg_class WHERE relname = 'new'").fetchone() == (1,)


def test_the_picture_does_not_change_while_it_is_read(reader: Connection, writer: Connection) -> None:
    with read_transaction(reader):
        before = reader.execute("SELECT count(*) FROM pg_class").fetchone()
        writer.execute("CREATE TABLE new ()")
        assert reader.execute("SELECT count(*) FROM pg_class").fetchone() == before


def test_names_are_read_whatever_encoding_the_environment_asks_for(
    database: str, writer: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.execute('CREATE TABLE "größe 🙂" ()')
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with contextlib.closing(connect(database)) as reader:
        found = reader.execute("SELECT relname::text FROM pg_class WHERE relname ~ '🙂'").fetchall()
    assert found == [("größe 🙂",)]


def test_bytes_of_an_sql_ascii_database_can_be_read(server: EmbeddedServer, writer: Connection) -> None:
    name = f"{writer.info.dbname}_ascii"
    writer.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'".encode())
    try:
        with contextlib.closing(connect(server.dsn(name))) as reader:
            query = "SELECT chr(228)::text, ARRAY[chr(228), 'b'], 'größe'::name".encode()
            rows = reader.execute(query).fetchall()
    finally:
        server.drop_database(name)
    assert rows == [("\ufffd", ["\ufffd", "b"], "größe")]


# --- a writer's session ---


def test_a_writer_has_its_bounds(database: str) -> None:
    with contextlib.closing(
        connect(
            database, writable=True, application_name="tenfold apply", statement_timeout=3, lock_timeout=0
        )
    ) as writer:
        assert shown(writer, "statement_timeout") == "3s"
        assert shown(writer, "lock_timeout") == "0"
        assert shown(writer, "idle_in_transaction_session_timeout") == "1min"
        assert shown(writer, "application_name") == "tenfold apply"
        assert shown(writer, "default_transaction_read_only") == "off"


# --- what the driver says, as ours ---


def test_a_statement_that_takes_too_long(reader: Connection) -> None:
    with (
        pytest.raises(StatementTimeoutError, match="give a longer one with --timeout"),
        read_transaction(reader, statement_timeout=0.01),
    ):
        reader.execute("SELECT pg_sleep(60)")


def test_a_lock_that_cannot_be_had(reader: Connection, writer: Connection) -> None:
    writer.execute("CREATE TABLE held ()")
    with writer.transaction():
        writer.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LockTimeoutError), read_transaction(reader, lock_timeout=0.01):
            reader.execute("SELECT FROM public.held")


def test_a_session_that_the_server_ended(reader: Connection, writer: Connection) -> None:
    with pytest.raises(ConnectionLostError, match="run the command again"), read_transaction(reader):
        writer.execute("SELECT pg_terminate_backend(%s, 10000)", [reader.info.backend_pid])
        reader.execute("SELECT 1")


def test_a_connection_that_broke(reader: Connection) -> None:
    with pytest.raises(ConnectionLostError, match="the connection was lost"), read_transaction(reader):
        with socket.socket(fileno=reader.fileno()) as wire:
            wire.shutdown(socket.SHUT_RDWR)
            wire.detach()
        reader.execute("SELECT 1")


def test_a_session_that_was_idle_too_long(database: str, writer: Connection) -> None:
    writer.execute("SET idle_in_transaction_session_timeout = 1")
    writer.execute("BEGIN")
    there = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
    with psycopg.connect(database, autocommit=True) as other:
        await_condition(lambda: other.execute(there, [writer.info.backend_pid]).fetchone() == (0,))
    # Whether the server's last words are still read depends on how the sending fails.
    words = "idle-in-transaction timeout|closed the connection"
    with pytest.raises(ConnectionLostError, match=words), translate_errors():
        writer.execute("SELECT 1")


def test_a_right_that_lacks(database: str, writer: Connection) -> None:
    role = f"poor_{writer.info.dbname}"
    execute_script(writer, f"CREATE TABLE closed (); CREATE ROLE {role} LOGIN")
    try:
        with (
            contextlib.closing(connect(f"{database} user={role}")) as poor,
            pytest.raises(PrivilegeError, match="permission denied for table closed; grant the right"),
            read_transaction(poor),
        ):
            poor.execute("SELECT FROM public.closed")
    finally:
        execute_script(writer, f"DROP ROLE {role}")


VALUE = "jane@example.com"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("INSERT INTO people VALUES (%(value)s, 1)", "duplicate key value violates unique constraint"),
        ("CREATE UNIQUE INDEX ON people ((1))", "could not create unique index"),
        ("ALTER TABLE people ADD CHECK (email = '')", "check constraint"),
        ("ALTER TABLE people ALTER email TYPE int USING email::int", "invalid input syntax for type integer"),
        ("SELECT email::timestamptz FROM people", "invalid input syntax for type timestamp with time zone"),
        ("SELECT email::xml::jsonb FROM people", "cannot cast type xml to jsonb"),
        ("SELECT now() AT TIME ZONE email FROM people", 'time zone "..." not recognized'),
        ("DELETE FROM people", "PL/pgSQL function keep() line 1 at RAISE"),
        ("SET work_mem = 'much'", 'invalid value for parameter "work_mem": "..."'),
    ],
)
def test_no_value_of_a_row_is_passed_on(writer: Connection, statement: str, said: str) -> None:
    writer.execute("CREATE TABLE people (email text PRIMARY KEY, n int)")
    writer.execute("INSERT INTO people VALUES (%s, 1), ('b', 1)", [VALUE])
    writer.execute(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'do not delete %', OLD.email; END $$"
    )
    writer.execute("CREATE TRIGGER keep BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION keep()")
    with pytest.raises(StatementError) as caught, translate_errors():
        writer.execute(statement.encode(), {"value": VALUE} if "%(" in statement else None)
    assert said in str(caught.value)
    assert VALUE not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value.__cause__, psycopg.Error)


def shown(connection: Connection, setting: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
    assert row is not None
    value = row[0]
    assert isinstance(value, str)
    return value
