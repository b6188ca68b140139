"""How fast the gateway is beside bare proxies, and where its time goes: `./run bench`, `./run profile W1`."""
