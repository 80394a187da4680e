"""What the runtime costs, beside what a user would pick instead, in the same run and interleaved."""

from __future__ import annotations
