"""What is said when an apply or undo has ended."""

from __future__ import annotations

import io

from rich.console import Console

from tenfold.cli.apply import report_run
from tenfold.migrate.run import Outcome, Run, State
from tenfold.model.change import Change, Lock, Phase
from tenfold.model.finding import Priority

CHANGE = Change(
    id="isolate:a",
    kind="statement",
    phase=Phase.ISOLATION,
    priority=Priority.P1,
    object="messages",
    title="Isolate messages",
    done="SELECT true",
    lock=Lock.ACCESS_EXCLUSIVE,
)
WAITS = "it requires 'Add a column', which is neither done nor asked for"
UNNAMED = "phase isolation is carried out only when it is named"


def said(*whys: str) -> str:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as capture:
        report_run(
            console, Run(tuple(Outcome(CHANGE, State.LEFT_OUT, why) for why in whys)), "apply", told=True
        )
    return capture.get()


def test_one_change_is_not_many() -> None:
    assert "1 change waits for others that were not asked for" in said(WAITS)
    assert "2 changes wait for others" in said(WAITS, WAITS)
    assert "1 change of row-level security waits until it is named: --phase isolation" in said(UNNAMED)
    assert "2 changes of row-level security wait until they are named" in said(UNNAMED, UNNAMED)
