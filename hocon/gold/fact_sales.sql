-- One row an order line, dated by its order. Lines of cancelled orders stay, marked, so that totals can leave them out.
SELECT
    lines.order_id,
    lines.line_number,
    orders.customer_id,
    lines.product_id,
    products.category,
    orders.order_date AS sale_date,
    orders.status AS order_status,
    orders.status = 'cancelled' AS is_cancelled,
    lines.quantity,
    lines.unit_price,
    lines.discount,
    CAST(CAST(lines.quantity AS DECIMAL(38, 2)) * lines.unit_price AS DECIMAL(18, 2)) AS gross_amount,
    CAST(CAST(lines.quantity AS DECIMAL(38, 2)) * lines.unit_price - lines.discount AS DECIMAL(18, 2)) AS net_amount,
    lines.currency,
    lines.event_time AS recorded_at
FROM silver.order_events AS lines
JOIN silver.customer_orders AS orders ON orders.order_id = lines.order_id
JOIN silver.product_catalog AS products ON products.product_id = lines.product_id
