-- The rules of rules/regex_rule.yml, in the words of imapfilter: two header rules, then one regular expression.
-- Expressions are matched on our side, over the mails that the first two rules left.
-- Account and port come from the environment: BENCH_PORT, BENCH_USER, BENCH_PASSWORD.

options.info = false
options.starttls = false -- the connection is plain on loopback, for both

account = IMAP {
    server = "127.0.0.1",
    port = tonumber(os.getenv("BENCH_PORT")),
    username = os.getenv("BENCH_USER"),
    password = os.getenv("BENCH_PASSWORD"),
}
inbox = account.INBOX

inbox:contain_from("@shop.example"):move_messages(account.Shop)
inbox:contain_field("List-Id", "dev.lists.example"):move_messages(account.Lists)
inbox:match_subject("\\[Invoice\\] [A-Z]+-\\d+"):move_messages(account.Invoices)
