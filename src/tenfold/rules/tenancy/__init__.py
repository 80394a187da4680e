"""Whether tenants are kept apart, and can be found fast."""
