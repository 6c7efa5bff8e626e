"""Notebook 06: Tables 8 and 9, searches and published scores."""
