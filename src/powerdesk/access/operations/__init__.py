"""Writes of access: each function is one transaction or part of the one it is given, audited in it."""
