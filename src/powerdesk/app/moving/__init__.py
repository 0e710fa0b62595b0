"""Move a whole desk between engines: copies, backups and restores, cut at one position of the log and verified."""
