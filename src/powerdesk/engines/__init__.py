"""Ports: small protocols for what an engine must do, and the adapters that do it.

Owns: `ports` (the contracts), `columns` (shared column types of Records), `embedded` (in-process adapters).
Refuses: any word of the power market; an engine's library outside its adapter.
"""
