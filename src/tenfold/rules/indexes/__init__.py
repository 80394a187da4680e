"""Which indexes are missing, too many, or not what they seem."""
