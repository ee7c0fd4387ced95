-- Registered users with the plan they pay for now.
WITH plans AS (
    SELECT
        user_id,
        plan,
        monthly_price,
        row_number() OVER (PARTITION BY user_id ORDER BY started_at DESC, subscription_id DESC) AS recency
    FROM silver.subscriptions
    WHERE status <> 'cancelled'
)
SELECT
    users.user_id,
    COALESCE(users.first_name, '') || ' ' || COALESCE(users.last_name, '') AS full_name,
    users.email,
    users.city,
    users.state,
    users.country,
    users.registration_date,
    users.is_active,
    users.marketing_consent,
    plans.plan AS current_plan,
    CAST(COALESCE(plans.monthly_price, 0) AS DECIMAL(10, 2)) AS monthly_price
FROM silver.users AS users
LEFT JOIN plans ON plans.user_id = users.user_id AND plans.recency = 1
