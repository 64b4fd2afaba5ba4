"""The LiveStore target: an event log that an app boots, and our account beside it."""
