INSERT INTO users VALUES (800, 'Without', 'Address', 'nobody', NULL, NULL, NULL, NULL, 'DE', DATE '2026-01-05', true, NULL, '{}');
INSERT INTO users VALUES (801, 'From', 'Nowhere', 'user801@example.com', NULL, NULL, NULL, NULL, 'Nowhere', DATE '2026-01-05', true, NULL, '{}');
INSERT INTO subscriptions VALUES (800, 1, 'basic', 'asleep', 9.90, 'EUR', TIMESTAMPTZ '2026-01-06 08:00:00+00', NULL, true);
INSERT INTO product_inventory VALUES (2, 1, -5, 0, 10, 2.5000, false, NULL);
-- Their parents come later.
INSERT INTO product_inventory VALUES (2, 900, 7, 0, 10, 2.5000, false, NULL);
INSERT INTO user_sessions VALUES ('00000000-0000-4000-8000-000000000900', 900, TIMESTAMPTZ '2026-01-08 08:00:00+00', NULL, 'desktop', NULL, NULL, 1, false, NULL);
