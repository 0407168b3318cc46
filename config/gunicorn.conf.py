"""How gunicorn serves a function behind of-watchdog; in an image it lies beside handler.py, where gunicorn looks."""

import sys
import time

bind = "127.0.0.1:5000"  # of-watchdog's upstream_url
control_socket_disable = True  # its place would be below HOME, which may be read-only

worker_class = "gthread"  # a call mostly waits, for PostgreSQL or a mail server
workers = 2  # one goes on while the other is renewed, or has been killed for its memory
threads = 8  # of-watchdog lets four calls in; /_/ready must be answered besides
preload_app = True  # what is imported is shared by both, and a renewed worker is there at once
worker_tmp_dir = "/dev/shm"  # noqa: S108 - the heartbeat must not wait for a disk

timeout = 180  # of a worker that no longer shows life, not of a call: calls watch their own deadline
graceful_timeout = 20  # faasd kills what has not ended 30 s after SIGTERM, and then that deployment fails
keepalive = 2  # seconds; more than of-watchdog's 0.5, so that it never writes into a connection we just closed

max_requests = 1000  # bounds what a slow leak can take; the master stays, so of-watchdog sees nothing of it
max_requests_jitter = 200  # not both workers at once

LAST_ANSWERS_S = 1.0


def on_exit(server: object) -> None:
    """End with 1, which ends of-watchdog too: after a 0 it would stay behind, and answer 500 for ever.

    An update on faasd takes away a function's network, its loopback too, before it says SIGTERM: of-watchdog then waits
    for an answer that cannot come, longer than faasd does. Where the network is there, the last answers pass meanwhile.
    """
    time.sleep(LAST_ANSWERS_S)
    sys.exit(1)
