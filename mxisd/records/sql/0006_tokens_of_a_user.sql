-- By it the oldest tokens of a user are found when they have too many.
CREATE INDEX accounts_by_user ON accounts (user_id, expires_ms);
