"""Basis: what a location's price is less a hub's, by month and block of hours, and what it is made of."""
