"""Recommended recipes: rules, the profile they depend on, and evidence on expected scores."""
