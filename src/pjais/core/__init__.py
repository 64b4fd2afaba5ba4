"""Values and rules of moving documents; knows no app and no format."""
