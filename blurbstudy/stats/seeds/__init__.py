"""Several runs of one condition, taken together: agreement, ensembles, the best of them, learning curves."""
