"""Datasets: declared once, checked on entry, kept with everything ever known, read as of any moment.

Owns: dataset declarations' machinery, the projection of accepted batches into Tables, gaps, lineage.
Reads: Tables, Bus, Objects, Records. Publishes: `store.committed.v1`. Refuses: a read without as_of and principal.
"""
