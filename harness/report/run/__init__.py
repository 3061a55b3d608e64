"""The page of one run: summary.py holds all it says, and page, JSON and Markdown come from it."""
