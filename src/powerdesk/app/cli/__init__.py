"""The `powerdesk` command: every verb is one HTTP call, to the running owner or to a desk opened for the moment.

Owns: the words on the terminal and the exit codes. `program` is the entry point.
"""
