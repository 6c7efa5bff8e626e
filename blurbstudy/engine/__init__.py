"""Makes the runs that a store lacks: sweeps, populations, processes."""
