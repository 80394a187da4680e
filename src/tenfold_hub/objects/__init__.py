"""What an organization defines for itself: custom fields, kinds of things, and what belongs to what."""
