"""Notebook 08: verdicts on the paper's claims."""
