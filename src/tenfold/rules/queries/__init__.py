"""What the recorded statements show."""
