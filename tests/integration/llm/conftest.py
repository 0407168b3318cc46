"""A real Ollama, where there is one."""

from tests.fixtures.ollama import own_ollama, real_ollama

__all__ = ["own_ollama", "real_ollama"]
