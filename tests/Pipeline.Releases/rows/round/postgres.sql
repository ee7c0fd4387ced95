INSERT INTO users VALUES ({n}, 'First {n}', 'Last {n}', 'user{n}@example.com', NULL, 'Street {n}', 'City', 'State', 'DE', DATE '2026-01-05', true, {n} % 2 = 0, '{"theme": "dark"}');
INSERT INTO subscriptions VALUES ({n}, {n}, 'basic', 'active', 9.90, 'EUR', TIMESTAMPTZ '2026-01-06 08:00:00+00', NULL, true);
INSERT INTO product_inventory VALUES (1, {n}, 100 + {n}, 3, 10, 2.5000, false, TIMESTAMPTZ '2026-01-07 08:00:00+00');
INSERT INTO user_sessions VALUES (('00000000-0000-4000-8000-' || lpad('{n}', 12, '0'))::uuid, {n}, TIMESTAMPTZ '2026-01-08 08:00:00+00', TIMESTAMPTZ '2026-01-08 08:20:00+00', 'phone', '192.0.2.1', 'agent', 4, false, '{"campaign": "winter"}');
UPDATE users SET city = 'City of {n}', updated_at = now() WHERE user_id = {m};
UPDATE product_inventory SET quantity_on_hand = quantity_on_hand - 1, updated_at = now() WHERE product_id = {m};
