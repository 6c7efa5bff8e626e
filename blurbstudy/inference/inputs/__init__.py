"""Readers of documents to predict for."""
