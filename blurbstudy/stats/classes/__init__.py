"""Scores of single classes of a task, and of the probabilities of its labels."""
