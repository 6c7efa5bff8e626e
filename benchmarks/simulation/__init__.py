"""Simulated studies of known truth, for `decisions.py`."""
