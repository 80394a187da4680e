"""Sizing advice: how many processes fit, and what to do where few do."""

from __future__ import annotations

from tenfold.runtime.advice import ServerSize, advised
from tenfold.runtime.settings import LARGE, POOLED, SMALL

SERVER = ServerSize(max_connections=100, reserved=3, connected=12)


def test_how_many_processes_fit() -> None:
    said = advised(SMALL, SERVER, cores=4)
    assert "97 connections besides 3 for superusers; 12 are open now" in said
    assert "max_size=20, 4 processes like this one fit" in said
    assert "That is few" not in said
    assert "the 4 cores of this machine, 8 connections" in said


def test_a_pool_that_is_too_large_is_told_its_limit() -> None:
    assert "give at most 97" in advised(LARGE, SERVER)
    assert "That is few" in advised(SMALL, SERVER._replace(max_connections=50))


def test_behind_a_pooler_its_own_pool_counts() -> None:
    said = advised(POOLED, SERVER)
    assert "default_pool_size" in said
    assert "processes like this one" not in said
