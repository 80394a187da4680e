"""Search by name, e-mail and phone that forgives typing mistakes, at a bounded price."""
