"""Powerdesk: one power-market desk in one package."""
