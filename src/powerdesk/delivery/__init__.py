"""Ways a number leaves the house: generic channels over dataset declarations.

Owns: REST, stream, downloads and their documents. Reads: any dataset through `store.queries`, at a stated cut, for a
stated asker. Publishes: nothing. Refuses: what the asker's entitlements do not allow, and answers without a bound.
"""
