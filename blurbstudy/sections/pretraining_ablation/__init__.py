"""Notebook 01: Table 2 and learning curves of pretraining."""
