"""Notebook 90: widgets over a run store."""
