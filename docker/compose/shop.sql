-- The source of compose.yaml, and the database of the journal.
CREATE DATABASE journal;
CREATE TABLE customers (customer_id bigint PRIMARY KEY, name text NOT NULL, country text, updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON customers (updated_at);
INSERT INTO customers (customer_id, name, country) VALUES (1, 'Ada', 'GB'), (2, 'Emmy', 'DE');
GRANT pg_read_all_stats TO shop;
