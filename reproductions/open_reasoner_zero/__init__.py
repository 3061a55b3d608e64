"""What Open-Reasoner-Zero alone does."""
