-- What each user did each day (days without any event have no row), and the sessions begun that day.
WITH activity AS (
    SELECT
        event_date AS activity_date,
        user_id,
        CAST(COUNT(*) AS BIGINT) AS event_count,
        CAST(SUM(CASE WHEN event_type = 'page_view' THEN 1 ELSE 0 END) AS BIGINT) AS page_views,
        CAST(SUM(CASE WHEN event_type = 'purchase' THEN 1 ELSE 0 END) AS BIGINT) AS purchases
    FROM gold.fact_user_events
    GROUP BY event_date, user_id
),
sessions AS (
    SELECT
        CAST(started_at AS DATE) AS activity_date,
        user_id,
        CAST(COUNT(*) AS BIGINT) AS session_count
    FROM silver.user_sessions
    WHERE user_id IS NOT NULL
    GROUP BY CAST(started_at AS DATE), user_id
)
SELECT
    activity.activity_date,
    activity.user_id,
    activity.event_count,
    activity.page_views,
    activity.purchases,
    COALESCE(sessions.session_count, 0) AS session_count
FROM activity
LEFT JOIN sessions ON sessions.activity_date = activity.activity_date AND sessions.user_id = activity.user_id
