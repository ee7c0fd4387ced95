INSERT INTO users VALUES (900, 'At', 'Last', 'user900@example.com', NULL, NULL, NULL, NULL, 'FR', DATE '2026-03-01', true, NULL, '{}');
INSERT INTO subscriptions VALUES (900, 900, 'basic', 'trial', 0.00, 'EUR', TIMESTAMPTZ '2026-03-01 08:00:00+00', NULL, false);
INSERT INTO product_inventory VALUES (3, 900, 70, 0, 10, 2.5000, false, NULL);
INSERT INTO user_sessions VALUES ('00000000-0000-4000-8000-000000000901', 900, TIMESTAMPTZ '2026-03-08 08:00:00+00', NULL, 'desktop', NULL, NULL, 1, true, NULL);
