"""Reads statements: their text, and from their tree what `tenfold.rules.shapes` tells of them."""
