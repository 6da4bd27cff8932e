CREATE TABLE accounts (
    id bigint PRIMARY KEY, name text NOT NULL, domain text,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE users (
    id bigint PRIMARY KEY, email text NOT NULL UNIQUE, first_name text, password_hash text,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE memberships (
    user_id bigint REFERENCES users, account_id bigint REFERENCES accounts, role text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (user_id, account_id)
);
INSERT INTO accounts VALUES (1, 'Acme Inc', 'acme.example'), (2, 'Globex', NULL);
INSERT INTO users VALUES
    (11, 'ada@example.com', 'Ada', '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'),
    (12, 'grace@example.com', 'Grace', NULL);
INSERT INTO memberships VALUES (11, 1, 'member'), (12, 1, 'member'), (12, 2, 'member');
