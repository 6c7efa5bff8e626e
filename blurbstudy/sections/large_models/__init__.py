"""Notebook 04: Tables 5 and 6."""
