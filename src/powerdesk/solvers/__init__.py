"""Thin adapters to optimisers, each answer accepted only by our own optimality check.

Owns: the shape of a linear programme and of its answer, the ladder of methods, the KKT check.
Reads: nothing. Publishes: nothing. Refuses: an answer whose optimality it cannot verify from the data.
"""
