"""Files that are sent to be imported: received to disk, read row by row, and kept in chunks in the database.

Memory holds one piece of the body, or one chunk, however large the file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import IO, Any

import msgspec
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from tenfold_hub.exchange import cells
from tenfold_hub.exchange.imports import LONGEST_ROW, MOST_BYTES, MOST_COLUMNS, MOST_ROWS, ROWS_AT_ONCE
from tenfold_hub.kit.problems import Problem

#: Bytes of the fields beside the file.
_MOST_FIELDS = 100_000
#: Bytes of one chunk, about.
_CHUNK = 2_000_000

#: A row as it is kept: its line, and its cells, or its object, or the text that was neither.
Kept = tuple[int, Any]

csv.field_size_limit(LONGEST_ROW)


class Upload:
    """A body on its way to disk."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.fields: dict[str, str] = {}
        self.name = self.type = ""
        self._digest = hashlib.sha256()
        self._size = 0

    @property
    def digest(self) -> bytes:
        """Of the whole body."""
        return self._digest.digest()

    async def receive(self, body: AsyncIterator[bytes], content_type: str) -> None:
        """Raises Problem for a body that is too large, or no multipart as its type says."""
        kind, options = parse_options_header(content_type)
        if kind != "multipart/form-data":
            self.type = kind
            async for piece in body:
                self._count(piece)
                self.file.write(piece)
        else:
            try:
                await self._parts(body, options.get("boundary", ""))
            except (MultipartError, ValueError, UnicodeDecodeError) as error:
                raise Problem("invalid_request", f"the multipart body: {error}") from None
        self.file.seek(0)

    async def _parts(self, body: AsyncIterator[bytes], boundary: str) -> None:
        segment: MultipartSegment | None = None
        kept = bytearray()
        files = 0
        with PushMultipartParser(boundary, max_header_count=8, max_segment_count=32) as parser:
            async for piece in body:
                self._count(piece)
                for part in parser.parse(piece):
                    if isinstance(part, MultipartSegment):
                        segment = part
                        if part.filename is not None:
                            files += 1
                            self.type = part.content_type or ""
                            self.name = part.filename
                    elif part is None:
                        if segment is not None and segment.filename is None:
                            self.fields[segment.name] = kept.decode()
                        kept.clear()
                        segment = None
                    elif segment is not None and segment.filename is not None:
                        self.file.write(part)
                    else:
                        kept += part
                        if len(kept) > _MOST_FIELDS:
                            raise Problem("too_large", "the fields beside the file are too large")
        if files != 1:
            raise Problem("invalid_request", "a multipart body has one file")

    def _count(self, piece: bytes) -> None:
        self._size += len(piece)
        self._digest.update(piece)
        if self._size > MOST_BYTES:
            raise Problem("too_large", f"a file has at most {MOST_BYTES:,} bytes")


@contextmanager
def spool() -> Iterator[Upload]:
    with tempfile.TemporaryFile() as file:
        yield Upload(file)


class Table:
    """The rows of a file. Raises Problem for one that is no text, or has no rows."""

    def __init__(self, file: IO[bytes], format: str) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        #: The header of a CSV; of NDJSON, the paths of its first object.
        self.columns: list[str] = []
        self.rows = 0
        self._reader = self._csv() if format == "csv" else self._ndjson()
        self._first: list[Kept] = [row for row in [self._next()] if row is not None]

    def chunk(self) -> bytes | None:
        """The next rows, as they are kept; None after the last."""
        kept = self._first
        self._first = []
        size = 0
        while len(kept) < ROWS_AT_ONCE and size < _CHUNK:
            row = self._next()
            if row is None:
                break
            kept.append(row)
            size += sum(len(cell) for cell in row[1]) if isinstance(row[1], list) else len(row[1])
        self.rows += len(kept)
        if self.rows > MOST_ROWS:
            raise Problem("too_large", f"a file has at most {MOST_ROWS:,} rows")
        return zlib.compress(msgspec.json.encode(kept), 1) if kept else None

    def _next(self) -> Kept | None:
        try:
            return next(self._reader, None)
        except UnicodeDecodeError:
            raise Problem("invalid_request", "the file is not encoded in UTF-8") from None
        except csv.Error as error:
            raise Problem("invalid_request", f"line {self.rows + 1:,} or near it: {error}") from None

    def _csv(self) -> Iterator[Kept]:
        head = self._text.readline(LONGEST_ROW)
        delimiter = max(",;\t|", key=head.count)
        reader = csv.reader(self._lines(head), delimiter=delimiter, strict=True)
        self.columns = [cells.read(name.strip()) for name in next(reader, [])]
        if not any(self.columns):
            raise Problem("invalid_request", "the file has no header")
        if len(self.columns) > MOST_COLUMNS:
            raise Problem("too_large", f"a file has at most {MOST_COLUMNS} columns")
        if len(set(self.columns)) < len(self.columns):
            raise Problem("invalid_request", "two columns have the same name")
        line = reader.line_num + 1
        for row in reader:
            if any(row):
                yield line, [cells.read(cell) for cell in row]
            line = reader.line_num + 1

    def _lines(self, head: str) -> Iterator[str]:
        yield head
        while line := self._text.readline(LONGEST_ROW):
            yield line

    def _ndjson(self) -> Iterator[Kept]:
        number = 0
        while text := self._text.readline(LONGEST_ROW):
            number += 1
            if not text.strip():
                continue
            try:
                found = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError):
                found = None
            if not self.columns and isinstance(found, dict):
                self.columns = list(flat(found))[:MOST_COLUMNS]
            yield number, msgspec.Raw(text.strip().encode()) if isinstance(found, dict) else text.strip()


def kept_rows(chunk: bytes) -> list[Kept]:
    found: list[Kept] = msgspec.json.decode(zlib.decompress(chunk), type=list[tuple[int, Any]])
    return found


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """An object's values by their path, two steps deep at most."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found
