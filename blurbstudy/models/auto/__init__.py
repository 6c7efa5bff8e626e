"""Encoders of any other transformers architecture."""
