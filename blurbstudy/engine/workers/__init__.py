"""Processes that train, and their queue."""
