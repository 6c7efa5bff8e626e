"""Notebook 07: Tables 10 and 11."""
