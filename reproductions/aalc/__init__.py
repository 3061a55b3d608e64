"""What AALC alone does."""
