-- Sales a month and category, from the daily ones.
SELECT
    dates.month_start AS sale_month,
    daily.category,
    CAST(SUM(daily.order_count) AS BIGINT) AS order_count,
    CAST(SUM(daily.line_count) AS BIGINT) AS line_count,
    CAST(SUM(daily.units) AS BIGINT) AS units,
    CAST(SUM(daily.net_amount) AS DECIMAL(18, 2)) AS net_amount
FROM gold.agg_sales_daily AS daily
JOIN gold.dim_date AS dates ON dates.date_day = daily.sale_date
GROUP BY dates.month_start, daily.category
