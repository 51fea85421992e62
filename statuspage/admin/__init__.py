"""The comms desk: lists, drafts, signing, publishing. It holds no rules: each view reads a form, calls one operation, answers.

Imported by statuspage.urls only, so no other process pays for it.
"""
