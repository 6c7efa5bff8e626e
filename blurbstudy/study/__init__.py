"""A study: parameters, grids, results."""
