"""Between the network and the page: connections, limits, headers, which routes there are."""
