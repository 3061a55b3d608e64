"""What Open R1 alone does."""
