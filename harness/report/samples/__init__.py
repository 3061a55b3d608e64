"""Which samples a page carries, and how they are packed into it."""
