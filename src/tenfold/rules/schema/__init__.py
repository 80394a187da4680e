"""Keys, types and constraints that will not bear growth."""
