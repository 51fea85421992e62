"""Dates and times of Django's own pages, the desk's: 24 hours in every language. The public page words its own (clock_words)."""
