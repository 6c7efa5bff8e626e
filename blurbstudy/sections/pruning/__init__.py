"""Notebook 05: Table 7 and what pruning saves."""
