"""Statistics of runs: intervals, contrasts, collapse."""
