"""Seeing what requests and jobs do: their queries, their time, what is slow and what is asked too often."""

from __future__ import annotations

from tenfold.runtime.telemetry.middleware import RequestMiddleware
from tenfold.runtime.telemetry.record import Asked, Record, RequestSink, current_record
from tenfold.runtime.telemetry.request_id import RequestIdFilter, request_id
from tenfold.runtime.telemetry.telemetry import Telemetry, TelemetryStatistics

__all__ = [
    "Asked",
    "Record",
    "RequestIdFilter",
    "RequestMiddleware",
    "RequestSink",
    "Telemetry",
    "TelemetryStatistics",
    "current_record",
    "request_id",
]
