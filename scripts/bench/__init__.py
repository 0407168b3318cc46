"""`make bench`: the whole chain against imapfilter on one Dovecot; docs/benchmarks.md says how to read it."""
