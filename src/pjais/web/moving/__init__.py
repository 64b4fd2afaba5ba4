"""Views and actions of moving data: overview, import, progress, proof, quarantine, cutover, rollback."""
