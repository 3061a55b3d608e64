"""Measurements of the project, each run by its own command; tests and users import from them."""
