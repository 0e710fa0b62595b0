"""REST over dataset declarations: one set of routes serves every dataset; there is no per-dataset code here."""
