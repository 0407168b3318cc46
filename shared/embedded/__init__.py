"""Servers that email-agent brings along for a first run and for tests."""
