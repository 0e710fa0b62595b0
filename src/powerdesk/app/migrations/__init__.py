"""The schema of Records: Alembic environment and forward-only revisions, one file each."""
