"""L1: GRPO on responses that shall have the length that their prompt asks for."""
