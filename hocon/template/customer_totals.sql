-- What each customer has ordered.
SELECT customer, count(*) AS orders, CAST(sum(total) AS DECIMAL(18, 2)) AS total
FROM silver.orders
GROUP BY customer
