"""What is done, to be done and noted about a thing, and the timeline of all that happened to it."""
