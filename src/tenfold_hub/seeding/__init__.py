"""Makes up organizations with people, companies and what they do, and loads them fast."""
