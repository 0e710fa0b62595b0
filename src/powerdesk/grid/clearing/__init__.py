"""Clearing by DC optimal power flow: one programme, three engines, one check of the answer.

Owns: the programme of an interval, its engines (shift factors on demand, angles, Clarabel), the optimality check, the
diagnosis of a case that has no dispatch. Reads: nothing. Publishes: nothing. Refuses: an unverified optimum.
"""
