"""What fills up, wears out or is not watched."""
