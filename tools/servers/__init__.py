"""Real servers for tests, benchmarks and `make services`: how each is had, started, hurt and stopped. Loopback only."""
