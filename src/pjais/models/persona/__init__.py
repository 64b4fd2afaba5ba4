"""The persona model: AI personas, their memories and conversations."""
