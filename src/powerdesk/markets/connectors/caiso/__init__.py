"""CAISO OASIS (zip of CSV, in-band errors) and today's outlook CSV; anonymous, one request in five seconds."""
