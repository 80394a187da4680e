"""Calibrations as files: JSON. They hold times and counts, no value of a row."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from tenfold.errors import CalibrationFileError
from tenfold.model.calibration import Calibration

_FORMAT: Literal["tenfold-calibration"] = "tenfold-calibration"
_VERSION: Literal[1] = 1


class _File(msgspec.Struct, frozen=True):
    format: Literal["tenfold-calibration"]
    version: Literal[1]
    calibration: Calibration


class _Header(msgspec.Struct, frozen=True):
    format: str = ""
    version: int = 0


def calibration_json(calibration: Calibration) -> str:
    """The file's text."""
    content = msgspec.json.encode(_File(_FORMAT, _VERSION, calibration))
    return msgspec.json.format(content, indent=2).decode() + "\n"


def load_calibration(file: Path) -> Calibration:
    """Raises CalibrationFileError: not there, no calibration, damaged, or of another version."""
    again = "make it again with: tenfold calibrate DSN -o FILE"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CalibrationFileError(f"{file} cannot be read: {error.strerror or error}") from error
    try:
        header = msgspec.json.decode(content, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CalibrationFileError(f"{file} is cut short or not a calibration; {again}") from error
    if header.format != _FORMAT:
        raise CalibrationFileError(
            f"{file} is not a calibration; make one with: tenfold calibrate DSN -o FILE"
        )
    if header.version != _VERSION:
        raise CalibrationFileError(
            f"{file} is a calibration of format {header.version}, this Tenfold reads {_VERSION}; {again}"
        )
    try:
        calibration = msgspec.json.decode(content, type=_File).calibration
    except msgspec.ValidationError as error:
        raise CalibrationFileError(f"{file} is damaged ({error}); {again}") from error
    if any(not 0 <= each < math.inf for each in _times(calibration)) or not 0 <= calibration.hit_ratio <= 1:
        raise CalibrationFileError(f"{file} is damaged (a time or share that cannot be); {again}")
    return calibration


def _times(calibration: Calibration) -> Iterator[float]:
    for page in (calibration.sequential_page, calibration.random_page):
        yield page.cached_ms
        yield page.uncached_ms or 0.0
    yield calibration.tuple_ms
    yield calibration.index_tuple_ms
    yield calibration.operator_ms
    yield calibration.statement_ms
