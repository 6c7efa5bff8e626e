"""Readers of documents for prediction."""
