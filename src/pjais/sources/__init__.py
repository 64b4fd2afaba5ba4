"""The places that data comes from: find them, back them up, read them as documents."""
