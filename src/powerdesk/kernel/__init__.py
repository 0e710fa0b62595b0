"""Time, units, money, identity and belief: the words every other layer speaks.

Owns: delivery intervals, market calendars, quantities, money, typed ids, tenors, the belief, the problem.
Reads: nothing. Publishes: nothing. Refuses: clocks, files, networks, and naive timestamps.
"""
