-- What operators list, and by what they search.
CREATE INDEX bindings_by_user ON bindings (user_id);
CREATE INDEX invites_by_time ON invites (created_ms, token);
CREATE INDEX invites_by_sender ON invites (sender, created_ms, token);
CREATE INDEX invites_by_ending ON invites (ending, created_ms, token);
CREATE INDEX deliveries_by_owner ON deliveries (owner);
