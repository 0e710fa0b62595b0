"""Who may read and do what: principals, accounts, keys, entitlements, rate limits, and the audit log.

Owns: users, sessions, keys, roles, entitlements, the audit log. Reads: Records, Cache, Identity.
Publishes: `access.changed.v1`. Refuses: anything not declared in a policy.
"""
