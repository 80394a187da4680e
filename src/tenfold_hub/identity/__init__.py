"""Organizations, their credentials, and the people they know."""
