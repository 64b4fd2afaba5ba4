"""Old and new side by side: follow, shadow, switch, and the final cleanup."""
