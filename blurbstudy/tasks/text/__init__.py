"""Sentences and words of raw text."""
