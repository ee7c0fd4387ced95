-- One row a user event, with where the user lives and what the product is.
SELECT
    events.event_id,
    events.user_id,
    users.country,
    events.event_type,
    events.page_url,
    events.product_id,
    products.category,
    events.event_time,
    CAST(events.event_time AS DATE) AS event_date,
    events.received_at > events.event_time + INTERVAL '1' DAY AS is_late
FROM silver.user_events AS events
JOIN silver.users AS users ON users.user_id = events.user_id
LEFT JOIN silver.product_catalog AS products ON products.product_id = events.product_id
