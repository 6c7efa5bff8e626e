"""The run store: one file per run, never changed."""
