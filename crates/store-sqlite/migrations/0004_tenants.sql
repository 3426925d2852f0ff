-- How each tenant is reached, its own limits, and whether it was removed. Nothing newer than SQLite 3.40.

ALTER TABLE tenants ADD COLUMN cloud TEXT CHECK (cloud IN ('global', 'usgov', 'usgov-dod', 'china'));
ALTER TABLE tenants ADD COLUMN client_id TEXT CHECK (length(CAST(client_id AS BLOB)) BETWEEN 1 AND 64);
-- Where the credential is kept, and never the credential itself.
ALTER TABLE tenants ADD COLUMN credential TEXT CHECK (length(CAST(credential AS BLOB)) BETWEEN 1 AND 1024);
-- In place of the limit for every tenant that a worker brings.
ALTER TABLE tenants ADD COLUMN runs_at_once INTEGER CHECK (runs_at_once BETWEEN 1 AND 100);
ALTER TABLE tenants ADD COLUMN requests_at_once INTEGER CHECK (requests_at_once BETWEEN 1 AND 64);
-- A removed tenant keeps all that was seen of it.
ALTER TABLE tenants ADD COLUMN removed_at INTEGER;
