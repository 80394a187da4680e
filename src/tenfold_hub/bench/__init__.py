"""What the hub costs: its requests beside others', and the claims of its seeds at several sizes."""
