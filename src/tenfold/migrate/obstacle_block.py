"""A look for what is in the way of a change as one SQL statement, for scripts that run without Tenfold."""

from __future__ import annotations

from tenfold.model.change import Obstacle
from tenfold.model.ddl import dollar_quoted, literal


def obstacle_block(obstacle: Obstacle) -> str:
    """The statement, which fails with the obstacle's message where it is there.

    Rows that a policy would hide are an error instead of being passed over.
    """
    body = f"""
BEGIN
    PERFORM pg_catalog.set_config('row_security', 'off', true);
    IF ({obstacle.found}) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = {literal(obstacle.message)};
    END IF;
END
"""
    return f"DO {dollar_quoted(body)}"
