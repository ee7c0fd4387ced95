-- Sales a day and category, without cancelled orders.
SELECT
    sale_date,
    category,
    CAST(COUNT(DISTINCT order_id) AS BIGINT) AS order_count,
    CAST(COUNT(*) AS BIGINT) AS line_count,
    CAST(SUM(quantity) AS BIGINT) AS units,
    CAST(SUM(gross_amount) AS DECIMAL(18, 2)) AS gross_amount,
    CAST(SUM(discount) AS DECIMAL(18, 2)) AS discount_amount,
    CAST(SUM(net_amount) AS DECIMAL(18, 2)) AS net_amount
FROM gold.fact_sales
WHERE NOT is_cancelled
GROUP BY sale_date, category
