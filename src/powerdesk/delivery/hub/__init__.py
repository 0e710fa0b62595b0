"""The built web hub: static files served with long caching, and the page itself for every path of the hub."""
