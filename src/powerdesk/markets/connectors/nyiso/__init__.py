"""NYISO MIS daily CSV and monthly zips, and the CSV exports of its OASIS; anonymous."""
