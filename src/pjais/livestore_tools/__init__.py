"""Tools for LiveStore stores: timeline, doctor, upgrade, restoring a record."""
