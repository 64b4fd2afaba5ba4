"""From records to a new file: one module for each target.  Nothing here touches a file that is in place."""
