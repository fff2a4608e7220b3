"""Routes beside the page: classification, files, request bodies."""
