"""Every published claim beside our runs and independent scores."""
