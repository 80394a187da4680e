"""The same schema and statistics in a private server, without a row: the real planner at any size."""
