"""Judges a snapshot: one rule a file, each a pure function from a `Subject` to `Finding`s."""
