"""Means over resampled splits, and how sure they are."""
