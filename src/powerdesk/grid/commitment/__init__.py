"""Unit commitment: which units run in which interval, proven to a gap, and the prices that follow from it.

`committing.commit` decides, `pricing.price` prices what was decided, `bridging.case_of` makes a case from a network.
"""
