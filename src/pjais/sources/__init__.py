"""Sources: detect them, back them up, read them as documents."""
