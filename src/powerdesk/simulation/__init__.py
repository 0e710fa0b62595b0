"""The simulated market SIM: a small grid cleared for real, a function of (seed, interval) and of nothing else.

Owns: the invented network, fleet, weather, outages, clearing, and the files that SIM publishes.
Reads: nothing. Publishes: payload bytes, by the same path as a fetched feed.
Refuses: to carry state from one interval to the next, or to look at a clock.
"""
