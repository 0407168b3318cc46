"""Rules of other programs -> our YAML: Gmail's filter export and Sieve. Pure: octets in, text and remarks out."""
