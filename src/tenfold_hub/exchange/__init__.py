"""What a hub exchanges with the world: events, webhooks, imports, exports."""
