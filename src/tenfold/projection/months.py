"""Dates as months after a start, and back: whole months of the calendar, and the share of the next one."""

from __future__ import annotations

import calendar
import datetime
import math


def date_after(start: datetime.date, months: float) -> datetime.date:
    """The day so many months after the start; the 31st becomes the last day of a shorter month."""
    whole = math.floor(months)
    day = _later(start, whole)
    return day + datetime.timedelta(days=round((months - whole) * (_later(start, whole + 1) - day).days))


def months_between(start: datetime.date, date: datetime.date) -> float:
    """Months from the start to a later date: `date_after(start, months_between(start, date)) == date`."""
    whole = (date.year - start.year) * 12 + date.month - start.month
    if _later(start, whole) > date:
        whole -= 1
    day = _later(start, whole)
    return whole + (date - day).days / (_later(start, whole + 1) - day).days


def _later(start: datetime.date, months: int) -> datetime.date:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return start.replace(
        year=year, month=month + 1, day=min(start.day, calendar.monthrange(year, month + 1)[1])
    )
