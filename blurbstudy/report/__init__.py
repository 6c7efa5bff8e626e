"""Executes the notebooks and renders the HTML report."""
