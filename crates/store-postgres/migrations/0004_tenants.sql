-- How each tenant is reached, its own limits, and whether it was removed. A removed tenant keeps all that was seen of it.
ALTER TABLE tenants
    ADD COLUMN cloud            text COLLATE "C" CHECK (cloud IN ('global', 'usgov', 'usgov-dod', 'china')),
    ADD COLUMN client_id        text COLLATE "C" CHECK (octet_length(client_id) BETWEEN 1 AND 64),
    -- Where the credential is kept, and never the credential itself.
    ADD COLUMN credential       text COLLATE "C" CHECK (octet_length(credential) BETWEEN 1 AND 1024),
    -- In place of the limit for every tenant that a worker brings.
    ADD COLUMN runs_at_once     integer CHECK (runs_at_once BETWEEN 1 AND 100),
    ADD COLUMN requests_at_once integer CHECK (requests_at_once BETWEEN 1 AND 64),
    ADD COLUMN removed_at       timestamptz;
