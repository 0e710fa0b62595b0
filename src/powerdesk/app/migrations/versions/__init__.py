"""Revisions, named by number and words; the number is the revision id."""
