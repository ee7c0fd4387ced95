-- Products with their stock over all warehouses.
WITH stock AS (
    SELECT
        product_id,
        CAST(COUNT(*) AS BIGINT) AS warehouse_count,
        CAST(SUM(quantity_on_hand) AS BIGINT) AS quantity_on_hand
    FROM silver.product_inventory
    GROUP BY product_id
)
SELECT
    catalog.product_id,
    catalog.sku,
    catalog.product_name,
    catalog.category,
    catalog.brand,
    catalog.list_price,
    catalog.currency,
    catalog.is_active,
    catalog.weight_kg,
    catalog.launched_on,
    COALESCE(stock.warehouse_count, 0) AS warehouse_count,
    COALESCE(stock.quantity_on_hand, 0) AS quantity_on_hand
FROM silver.product_catalog AS catalog
LEFT JOIN stock ON stock.product_id = catalog.product_id
