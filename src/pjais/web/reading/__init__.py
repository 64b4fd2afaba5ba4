"""Views of what is read and looked back on: conversations, history, insights."""
