"""Mechanisms of the harness; knows no surveyed project by name."""
