"""What the planner does with a statement and what to make of it, and whether a change makes it worse."""
