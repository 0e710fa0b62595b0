"""Markets: prices, load, forecasts and generation from ISO feeds.

Owns the datasets `markets.*`, the feeds, their raw payloads and their gaps. Reads nothing of other contexts.
Publishes `markets.payload-received.v1`. Refuses to drop anything silently: every expected row is stored or is a gap
with a reason.
"""
