"""TinyZero: PPO on Countdown with small base models."""
