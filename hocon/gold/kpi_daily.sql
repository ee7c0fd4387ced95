-- The company's day on one line: one row for every day of the calendar.
WITH sales AS (
    SELECT
        sale_date,
        CAST(SUM(net_amount) AS DECIMAL(18, 2)) AS revenue,
        CAST(COUNT(DISTINCT order_id) AS BIGINT) AS orders
    FROM gold.fact_sales
    WHERE NOT is_cancelled
    GROUP BY sale_date
),
money AS (
    SELECT
        CAST(transacted_at AS DATE) AS money_date,
        CAST(SUM(CASE WHEN transaction_type = 'payment' THEN amount ELSE 0 END) AS DECIMAL(18, 4)) AS payments,
        CAST(SUM(CASE WHEN transaction_type = 'refund' THEN amount ELSE 0 END) AS DECIMAL(18, 4)) AS refunds
    FROM silver.financial_transactions
    WHERE status = 'settled'
    GROUP BY CAST(transacted_at AS DATE)
),
activity AS (
    SELECT
        activity_date,
        CAST(COUNT(*) AS BIGINT) AS active_users,
        CAST(SUM(purchases) AS BIGINT) AS purchases
    FROM gold.agg_user_activity_daily
    GROUP BY activity_date
),
sessions AS (
    SELECT
        CAST(started_at AS DATE) AS session_date,
        CAST(COUNT(*) AS BIGINT) AS sessions,
        CAST(SUM(CASE WHEN converted THEN 1 ELSE 0 END) AS BIGINT) AS converted_sessions
    FROM silver.user_sessions
    GROUP BY CAST(started_at AS DATE)
),
platform AS (
    SELECT
        CAST(event_time AS DATE) AS metric_date,
        CAST(SUM(CASE WHEN is_alert THEN 1 ELSE 0 END) AS BIGINT) AS alerts
    FROM silver.system_metrics
    GROUP BY CAST(event_time AS DATE)
)
SELECT
    dates.date_day,
    CAST(COALESCE(sales.revenue, 0) AS DECIMAL(18, 2)) AS revenue,
    COALESCE(sales.orders, 0) AS orders,
    divide(sales.revenue, sales.orders, 18, 2) AS average_order_value,
    CAST(COALESCE(money.payments, 0) AS DECIMAL(18, 4)) AS payments,
    CAST(COALESCE(money.refunds, 0) AS DECIMAL(18, 4)) AS refunds,
    COALESCE(activity.active_users, 0) AS active_users,
    COALESCE(activity.purchases, 0) AS purchases,
    COALESCE(sessions.sessions, 0) AS sessions,
    divide(sessions.converted_sessions, sessions.sessions, 9, 4) AS conversion_rate,
    COALESCE(platform.alerts, 0) AS alerts
FROM gold.dim_date AS dates
LEFT JOIN sales ON sales.sale_date = dates.date_day
LEFT JOIN money ON money.money_date = dates.date_day
LEFT JOIN activity ON activity.activity_date = dates.date_day
LEFT JOIN sessions ON sessions.session_date = dates.date_day
LEFT JOIN platform ON platform.metric_date = dates.date_day
