"""A run folder: its files, metrics and provenance. No torch in here."""
