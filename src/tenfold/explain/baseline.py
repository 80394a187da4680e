"""The file that a gate compares with: JSON for version control, the same bytes for the same plans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from tenfold.errors import BaselineError
from tenfold.model.gate import Baseline, Target

VERSION: Final = 1


def load_baseline(file: Path) -> Baseline:
    """Raises BaselineError: there is none, it is damaged, or a later release has written it."""
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise BaselineError(f"there is no baseline {file}; make it with --update") from error
    except OSError as error:
        raise BaselineError(f"the baseline {file} cannot be read: {error.strerror or error}") from error
    try:
        found = msgspec.json.decode(content, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BaselineError(
            f"the baseline {file} is damaged ({error}); restore it, or make it with --update"
        ) from error
    if found.version != VERSION:
        raise BaselineError(
            f"the baseline {file} has format {found.version}, this release reads {VERSION}; "
            "make it again with --update"
        )
    return found


def baseline_text(baseline: Baseline) -> str:
    """Queries by name, keys in one order, no time and no place."""
    return msgspec.json.format(msgspec.json.encode(baseline, order="sorted"), indent=1).decode() + "\n"


def check_target(baseline: Baseline, asked: Target, file: Path) -> None:
    """Raises BaselineError where the plans are of another size or role: they cannot be compared."""
    differences = list(_differences(baseline.target, asked))
    if differences:
        raise BaselineError(
            f"the baseline {file} is {' and '.join(differences)}; ask for that, or make it with --update"
        )


def _differences(then: Target, now: Target) -> Iterator[str]:
    if then.size != now.size:
        yield f"at {then.size}, not {now.size}"
    if then.role != now.role:
        yield f"as {then.role or 'superuser'}, not {now.role or 'superuser'}"
