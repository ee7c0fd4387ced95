INSERT INTO PRODUCT_CATALOG VALUES ({n}, 'SKU-{n}', 'Product {n}', 'books', 'Brand', 9.99, 'EUR', true, 0.5, DATE '2026-01-02', '{"pages": 300}', {at});
INSERT INTO CUSTOMER_ORDERS VALUES ({n}, {n}, 'Customer {n}', 'customer{n}@example.com', DATE '2026-02-01', 19.98, 'pending', 'card', {at});
INSERT INTO FINANCIAL_TRANSACTIONS VALUES ({n}, {n}, 'payment', 19.98, 'EUR', 'settled', 'reference-{n}', TIMESTAMPTZ '2026-02-01 10:00:00+00', '{"attempt": 1}', {at});
UPDATE CUSTOMER_ORDERS SET STATUS = 'paid', UPDATED_AT = {at} WHERE ORDER_ID = {m};
