"""Notebook 00: tasks, encoders, data audit, Table 1, scoring conventions."""
