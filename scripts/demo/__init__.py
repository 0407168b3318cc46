"""The demo: a self-written mailbox, sorted by the real program and counted on the IMAP server."""
