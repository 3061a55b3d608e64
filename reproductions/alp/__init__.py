"""ALP: a length penalty that grows with how often a problem is solved."""
