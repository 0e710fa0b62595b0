"""One package per ISO: `reports` (what can be asked), `fetch` (bytes), `parse` (bytes to tables, pure), report card."""
