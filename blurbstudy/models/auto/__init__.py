"""Encoders that only transformers has a module for."""
