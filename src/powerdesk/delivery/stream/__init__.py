"""The stream: a snapshot, then numbered deltas, to sockets and server-sent events.

Owns: the protocol of `/v1/stream`, subscriptions, conflation, slow-consumer policies, resume tokens, replays.
Reads: `store.queries` (changes, rows, latest, history). Publishes: nothing. Refuses: rows beyond the entitlement or
published later than now, unbounded queues, silent gaps.
"""
