"""Scores of a dataset's runs without its gold labels and predictions: computed where the data are, read where not."""
