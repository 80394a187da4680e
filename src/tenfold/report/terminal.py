"""How a page becomes lines for a terminal."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

from tenfold.model.finding import Priority

WIDTH = 100

COLOURS = {Priority.P0: "bold red", Priority.P1: "yellow", Priority.P2: "cyan"}


def to_text(page: RenderableType, *, coloured: bool = False) -> str:
    """The page as lines of at most WIDTH columns; `coloured` adds terminal escape sequences."""
    console = Console(
        file=io.StringIO(),
        width=WIDTH,
        force_terminal=coloured,
        no_color=not coloured,
        color_system="standard" if coloured else None,
        highlight=False,
    )
    with console.capture() as capture:
        console.print(page)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
