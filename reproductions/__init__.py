"""One folder for each surveyed project: card, README, golden cases, code that it alone needs."""
