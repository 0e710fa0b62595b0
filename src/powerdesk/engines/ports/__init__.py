"""The contracts of the engines; `tests/contracts/` is their definition and runs against every adapter."""
