"""The web room: everything a function's door needs to speak HTTP."""

from shared.web.app import create_app, json_body, reply

__all__ = ["create_app", "json_body", "reply"]
