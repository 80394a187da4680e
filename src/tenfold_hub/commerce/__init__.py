"""Products, orders, the customers who place them, and refunds."""
