-- Every day from the first to the last on which there was an order or a user event, without gaps (at most 10,000 days).
WITH days AS (
    SELECT order_date AS date_day FROM silver.customer_orders
    UNION ALL
    SELECT CAST(event_time AS DATE) AS date_day FROM silver.user_events
),
bounds AS (
    SELECT MIN(date_day) AS first_day, MAX(date_day) AS last_day FROM days
),
digits AS (
    SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
    UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9
),
numbers AS (
    SELECT thousands.d * 1000 + hundreds.d * 100 + tens.d * 10 + ones.d AS n
    FROM digits AS thousands CROSS JOIN digits AS hundreds CROSS JOIN digits AS tens CROSS JOIN digits AS ones
),
calendar AS (
    SELECT CAST(date_add(bounds.first_day, numbers.n) AS DATE) AS date_day, bounds.last_day
    FROM bounds CROSS JOIN numbers
    WHERE bounds.first_day IS NOT NULL
)
SELECT
    date_day,
    CAST(EXTRACT(YEAR FROM date_day) AS INT) AS year_number,
    CAST(EXTRACT(QUARTER FROM date_day) AS INT) AS quarter_number,
    CAST(EXTRACT(MONTH FROM date_day) AS INT) AS month_number,
    CAST(EXTRACT(DAY FROM date_day) AS INT) AS day_of_month,
    CAST(date_trunc('month', date_day) AS DATE) AS month_start
FROM calendar
WHERE date_day <= last_day
