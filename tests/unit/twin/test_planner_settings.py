"""A session of the twin has the planner's settings as a login of the role has them."""

from __future__ import annotations

import msgspec

from tenfold.model.snapshot import Snapshot
from tenfold.twin.planner_settings import session_settings
from tests.unit.rules.build import DATABASE, SERVER, role, setting


def snapshot(*roles: tuple[str, ...], database: tuple[str, ...] = ()) -> Snapshot:
    return Snapshot(
        server=SERVER,
        database=msgspec.structs.replace(DATABASE, settings=database),
        settings=(
            setting("work_mem", "4096", "configuration file"),
            setting("random_page_cost", "1.1", "database"),
            setting("TimeZone", "Europe/Berlin", "configuration file"),
            setting("port", "5432", "configuration file"),
        ),
        roles=tuple(role(20 + at, *items) for at, items in enumerate(roles)),
    )


def test_the_servers_come_first_then_the_databases_then_the_roles() -> None:
    whole = snapshot(
        ("app", "work_mem=64kB"), ("other",), database=("work_mem=1MB", "random_page_cost=2", "port=1")
    )
    assert session_settings(whole, "app")["work_mem"] == "64kB"
    assert session_settings(whole, "other")["work_mem"] == "1MB"
    assert session_settings(whole, None)["work_mem"] == "1MB"
    assert session_settings(whole, "other")["random_page_cost"] == "2"


def test_what_the_reading_session_had_of_its_own_is_not_the_servers() -> None:
    assert "random_page_cost" not in session_settings(snapshot(), None)


def test_what_the_reader_set_for_itself_is_kept_as_its_login_gave_it() -> None:
    whole = snapshot()
    read = msgspec.structs.replace(
        whole,
        settings=(
            setting("TimeZone", "Asia/Kolkata", "session"),
            setting("search_path", "app, public", "session"),
            setting("enable_seqscan", "off", "session"),
        ),
    )
    assert session_settings(read, None) == {"TimeZone": "Asia/Kolkata", "search_path": "app, public"}


def test_settings_that_decide_no_plan_stay_out() -> None:
    assert session_settings(snapshot(), None) == {"work_mem": "4096", "TimeZone": "Europe/Berlin"}


def test_names_that_an_application_made_up_come_along_unless_their_values_are_not_told() -> None:
    whole = snapshot(("app", "app.team_id=7", "app.secret=?", "search_path=app, public"))
    found = session_settings(whole, "app")
    assert found["app.team_id"] == "7"
    assert "app.secret" not in found
    assert found["search_path"] == "app, public"
