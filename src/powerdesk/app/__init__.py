"""Settings, wiring, clock, roles and the command line: the only place that chooses engines.

Owns: the process. Reads: the environment, the clock. Refuses: arithmetic about the market.
"""
