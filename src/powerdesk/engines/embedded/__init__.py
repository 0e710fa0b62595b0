"""In-process adapters of the ports: nothing to install, nothing to start."""
