"""Adapters for engines on other machines; `app` chooses them by their address."""
