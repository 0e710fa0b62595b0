"""Which constraints will bind, at what shadow price, and what that does to prices at all nodes together."""
