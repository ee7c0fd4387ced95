INSERT INTO PRODUCT_CATALOG VALUES (900, 'SKU-900', 'The missing one', 'music', NULL, 5.00, 'EUR', true, NULL, NULL, NULL, {at});
INSERT INTO CUSTOMER_ORDERS VALUES (900, 900, NULL, 'customer900@example.com', DATE '2026-03-01', 5.00, 'paid', 'card', {at});
INSERT INTO CUSTOMER_ORDERS VALUES (901, 900, NULL, 'customer900@example.com', DATE '2026-03-01', 5.00, 'paid', 'card', {at});
INSERT INTO FINANCIAL_TRANSACTIONS VALUES (901, 901, 'payment', 5, 'EUR', 'settled', NULL, TIMESTAMPTZ '2026-03-01 10:00:00+00', NULL, {at});
-- Those whose lines came first.
INSERT INTO PRODUCT_CATALOG VALUES (0, 'SKU-0', 'The first', 'music', NULL, 5.00, 'EUR', true, NULL, NULL, NULL, {at}), (2000, 'SKU-2000', 'The next', 'music', NULL, 5.00, 'EUR', true, NULL, NULL, NULL, {at});
INSERT INTO CUSTOMER_ORDERS VALUES (0, 900, NULL, 'customer900@example.com', DATE '2026-03-01', 5.00, 'paid', 'card', {at}), (2000, 900, NULL, 'customer900@example.com', DATE '2026-03-01', 5.00, 'paid', 'card', {at});
