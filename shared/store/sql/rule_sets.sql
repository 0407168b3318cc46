-- deactivate_rules --
-- End the active version.
UPDATE rule_sets SET active = false WHERE active;

-- push_rules --
-- Store a version and make it the active one.
INSERT INTO rule_sets (text, digest, active) VALUES (%(text)s, %(digest)s, true) RETURNING id;

-- active_rules --
-- Read the active version.
SELECT id, text, digest FROM rule_sets WHERE active;

-- active_rules_id --
-- Name the active version.
SELECT id FROM rule_sets WHERE active;

-- read_rules --
-- Read one version.
SELECT id, text FROM rule_sets WHERE id = %(id)s;
