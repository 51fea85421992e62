"""Rehearsals: an outage of the sandbox replayed against a whole copy, marked as an exercise, with a report at the end."""
