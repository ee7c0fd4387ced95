-- gold/fact_sales, a run on spark
-- silver__order_events: files of silver/order_events (event_id string, event_type string, order_id long, line_number int, product_id long, quantity int, unit_price decimal(12,2), discount decimal(12,2), currency string, event_time timestamp, _position long, _ingested_at timestamp)
-- silver__customer_orders: files of silver/customer_orders (order_id long, customer_id long, customer_name string, email string, order_date date, total_amount decimal(18,2), status string, payment_method string, updated_at timestamp, _position long, _ingested_at timestamp)
-- silver__product_catalog: files of silver/product_catalog (product_id long, sku string, product_name string, category string, brand string, list_price decimal(12,2), currency string, is_active boolean, weight_kg double, launched_on date, attributes string, updated_at timestamp, _position long, _ingested_at timestamp)
-- target_keys: files of gold/fact_sales (order_id long, line_number int)
-- target_near: files, with place, of gold/fact_sales (order_id long, line_number int, customer_id long, product_id long, category string, sale_date date, order_status string, is_cancelled boolean, quantity int, unit_price decimal(12,2), discount decimal(12,2), gross_amount decimal(18,2), net_amount decimal(18,2), currency string, recorded_at timestamp)
-- target_kept: files, with place, of gold/fact_sales (order_id long, line_number int, customer_id long, product_id long, category string, sale_date date, order_status string, is_cancelled boolean, quantity int, unit_price decimal(12,2), discount decimal(12,2), gross_amount decimal(18,2), net_amount decimal(18,2), currency string, recorded_at timestamp)

CACHE TABLE result AS
SELECT CAST(`order_id` AS BIGINT) AS `order_id`, CAST(`line_number` AS INT) AS `line_number`, CAST(`customer_id` AS BIGINT) AS `customer_id`, CAST(`product_id` AS BIGINT) AS `product_id`, CAST(`category` AS STRING) AS `category`, CAST(`sale_date` AS DATE) AS `sale_date`, CAST(`order_status` AS STRING) AS `order_status`, CAST(`is_cancelled` AS BOOLEAN) AS `is_cancelled`, CAST(`quantity` AS INT) AS `quantity`, CAST(`unit_price` AS DECIMAL(12,2)) AS `unit_price`, CAST(`discount` AS DECIMAL(12,2)) AS `discount`, CAST(`gross_amount` AS DECIMAL(18,2)) AS `gross_amount`, CAST(`net_amount` AS DECIMAL(18,2)) AS `net_amount`, CAST(`currency` AS STRING) AS `currency`, CAST(`recorded_at` AS TIMESTAMP) AS `recorded_at` FROM (
 
SELECT
    lines.order_id,
    lines.line_number,
    orders.customer_id,
    lines.product_id,
    products.category,
    orders.order_date AS sale_date,
    orders.status AS order_status,
    orders.status = 'cancelled' AS is_cancelled,
    lines.quantity,
    lines.unit_price,
    lines.discount,
    CAST(CAST(lines.quantity AS DECIMAL(38, 2)) * lines.unit_price AS DECIMAL(18, 2)) AS gross_amount,
    CAST(CAST(lines.quantity AS DECIMAL(38, 2)) * lines.unit_price - lines.discount AS DECIMAL(18, 2)) AS net_amount,
    lines.currency,
    lines.event_time AS recorded_at
FROM `silver__order_events` AS lines
JOIN `silver__customer_orders` AS orders ON orders.order_id = lines.order_id
JOIN `silver__product_catalog` AS products ON products.product_id = lines.product_id
) AS made
;

-- No row may come of this: "its query returns key ({0}, {1}) {2} times or with a null".
SELECT CAST(`order_id` AS STRING), CAST(`line_number` AS STRING), CAST(count(*) AS STRING) FROM result GROUP BY `order_id`, `line_number`
HAVING count(*) > 1 OR `order_id` IS NULL OR `line_number` IS NULL LIMIT 1
;

CACHE TABLE gone AS
SELECT `order_id`, `line_number` FROM target_keys ANTI JOIN result USING (`order_id`, `line_number`)
;

CREATE TEMPORARY VIEW target_changes AS
SELECT `order_id`, `line_number` FROM result UNION ALL SELECT `order_id`, `line_number` FROM gone
;

CACHE TABLE existing AS
SELECT * FROM target_near SEMI JOIN target_changes USING (`order_id`, `line_number`)
;

CACHE TABLE upserts AS
SELECT `order_id`, `line_number`, `customer_id`, `product_id`, `category`, `sale_date`, `order_status`, `is_cancelled`, `quantity`, `unit_price`, `discount`, `gross_amount`, `net_amount`, `currency`, `recorded_at` FROM result EXCEPT SELECT `order_id`, `line_number`, `customer_id`, `product_id`, `category`, `sale_date`, `order_status`, `is_cancelled`, `quantity`, `unit_price`, `discount`, `gross_amount`, `net_amount`, `currency`, `recorded_at` FROM existing
;

CREATE TEMPORARY VIEW target_touched AS
SELECT `order_id`, `line_number` FROM upserts UNION ALL SELECT `order_id`, `line_number` FROM gone
;

CACHE TABLE target_replaced AS
SELECT _file, _file_row FROM existing SEMI JOIN target_touched USING (`order_id`, `line_number`)
;

CACHE TABLE target_rewritten AS
SELECT DISTINCT _file FROM target_replaced
;

CREATE TEMPORARY VIEW target_written AS
SELECT `order_id`, `line_number`, `customer_id`, `product_id`, `category`, `sale_date`, `order_status`, `is_cancelled`, `quantity`, `unit_price`, `discount`, `gross_amount`, `net_amount`, `currency`, `recorded_at` FROM (SELECT * FROM target_kept SEMI JOIN target_rewritten USING (_file)) AS kept ANTI JOIN target_replaced USING (_file, _file_row)
UNION ALL SELECT `order_id`, `line_number`, `customer_id`, `product_id`, `category`, `sale_date`, `order_status`, `is_cancelled`, `quantity`, `unit_price`, `discount`, `gross_amount`, `net_amount`, `currency`, `recorded_at` FROM upserts
;

-- Written to gold/fact_sales.
SELECT * FROM target_written
;

-- Figures: target_rows.
SELECT count(*) AS upserted FROM upserts
;
