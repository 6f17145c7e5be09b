-- What operators list, and by what they search.
CREATE INDEX bindings_by_user ON bindings (user_id);
CREATE INDEX invites_by_time ON invites (created_ms, token);
