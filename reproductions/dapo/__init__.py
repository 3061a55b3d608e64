"""DAPO: what this project alone does."""
