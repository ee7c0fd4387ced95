-- Customers as their orders show them: the newest order gives name and e-mail; cancelled orders do not count as value.
WITH ranked AS (
    SELECT
        customer_id,
        customer_name,
        email,
        row_number() OVER (PARTITION BY customer_id ORDER BY order_date DESC, order_id DESC) AS recency
    FROM silver.customer_orders
),
totals AS (
    SELECT
        customer_id,
        MIN(order_date) AS first_order_date,
        MAX(order_date) AS last_order_date,
        CAST(COUNT(*) AS BIGINT) AS order_count,
        CAST(SUM(CASE WHEN status = 'cancelled' THEN 0 ELSE total_amount END) AS DECIMAL(18, 2)) AS lifetime_value
    FROM silver.customer_orders
    GROUP BY customer_id
)
SELECT
    totals.customer_id,
    ranked.customer_name,
    ranked.email,
    totals.first_order_date,
    totals.last_order_date,
    totals.order_count,
    totals.lifetime_value
FROM totals
JOIN ranked ON ranked.customer_id = totals.customer_id AND ranked.recency = 1
