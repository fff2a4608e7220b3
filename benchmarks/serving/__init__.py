"""How fast the page, the network alone and the command answer."""
