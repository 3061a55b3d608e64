"""Figures with their sources that the estimates of a plan rest on; one YAML file a kind."""
