"""The meaning of an app's data: records, tables, mappings, LiveStore events."""
