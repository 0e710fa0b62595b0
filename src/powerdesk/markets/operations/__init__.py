"""Writes: keep what was received, record what it says, and account for everything that was expected."""
