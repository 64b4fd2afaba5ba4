"""Views and actions of memories and personas: lists, a record, bulk changes, exports."""
