-- Events are read by mail, in order: one index says both, and each of them is written into one index less.

ALTER TABLE email_events DROP CONSTRAINT email_events_pkey;

DROP INDEX email_events_email;

ALTER TABLE email_events ADD PRIMARY KEY (email_id, id);
