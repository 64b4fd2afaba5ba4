"""The library of the persona model: personas, memories, conversations, search, tiers, vectors."""
