SELECT user_id, email FROM silver.users
