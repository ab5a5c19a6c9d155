"""Floor 2: where a key lives, and its rows."""
