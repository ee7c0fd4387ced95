-- Stock of each product in each warehouse: the last count, and the movements reported.
WITH movements AS (
    SELECT
        warehouse_id,
        product_id,
        CAST(COUNT(*) AS BIGINT) AS movement_count,
        CAST(SUM(quantity_change) AS BIGINT) AS net_change,
        MAX(event_time) AS last_movement_at
    FROM silver.inventory_updates
    GROUP BY warehouse_id, product_id
)
SELECT
    stock.warehouse_id,
    stock.product_id,
    stock.quantity_on_hand,
    stock.quantity_reserved,
    stock.quantity_on_hand - stock.quantity_reserved AS quantity_available,
    stock.unit_cost,
    CAST(CAST(stock.quantity_on_hand AS DECIMAL(38, 4)) * stock.unit_cost AS DECIMAL(22, 4)) AS stock_value,
    COALESCE(stock.quantity_on_hand < stock.reorder_level, FALSE) AS needs_reorder,
    stock.last_counted_at,
    COALESCE(movements.movement_count, 0) AS movement_count,
    COALESCE(movements.net_change, 0) AS net_change,
    movements.last_movement_at
FROM silver.product_inventory AS stock
LEFT JOIN movements ON movements.warehouse_id = stock.warehouse_id AND movements.product_id = stock.product_id
