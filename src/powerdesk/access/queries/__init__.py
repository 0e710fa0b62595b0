"""Reads of access: who stands behind a credential, and what each may see of accounts, keys, grants and the log."""
