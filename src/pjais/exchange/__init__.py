"""Exports and imports: our own JSON, the guide's export, formats and targets of other packages."""
