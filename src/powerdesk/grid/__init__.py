"""The grid engine: networks, their sensitivities, clearing by DC optimal power flow, and prices by named constraint.

Owns: the network model, case files, topology, shift factors, dispatch, prices. Reads: nothing. Publishes: nothing.
Everything is arrays and types in, arrays and types out. Refuses: a case with any fault (all are named at once) and an
optimum that our own check of the optimality conditions cannot confirm.
"""
