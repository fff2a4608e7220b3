"""A new head on a frozen backbone, fitted on embeddings."""
