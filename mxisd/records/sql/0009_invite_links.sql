-- The links in messages about invites: whoever has the code may open the invite.
CREATE TABLE invite_links (
    code TEXT PRIMARY KEY,
    token TEXT NOT NULL UNIQUE REFERENCES invites (token) ON DELETE CASCADE
);
