"""The persona model: AI personas, their memories and conversations (design §4)."""
