"""Recommended recipes: rules, the profile of a task, and the evidence behind each choice."""
