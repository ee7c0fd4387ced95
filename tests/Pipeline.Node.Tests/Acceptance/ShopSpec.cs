using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;

namespace Pipeline.Node.Tests.Acceptance;

/// <summary>
/// A shop: customers, orders, lines and refunds in a PostgreSQL, read by change capture, and payments in a topic. Gold is what the same query says
/// of the shop's own tables, at first and after a day of changes.
/// </summary>
[Collection(HealthySources.Name)]
public sealed class ShopSpec(HealthySources sources) : IAsyncDisposable
{
    private const string Tables = """
        DROP SCHEMA IF EXISTS shop CASCADE;
        DROP SCHEMA IF EXISTS wanted CASCADE;
        CREATE SCHEMA shop;
        CREATE TABLE shop.customers (id bigint PRIMARY KEY, email text, country char(2), joined date, credit numeric(10,2));
        CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES shop.customers ON UPDATE CASCADE ON DELETE CASCADE, state text NOT NULL, placed_at timestamptz NOT NULL, note text);
        CREATE TABLE shop.lines (order_id bigint REFERENCES shop.orders ON DELETE CASCADE, n int, product text NOT NULL, quantity int NOT NULL, price numeric(12,2) NOT NULL, PRIMARY KEY (order_id, n));
        CREATE TABLE shop.refunds (id bigint PRIMARY KEY, order_id bigint NOT NULL REFERENCES shop.orders ON DELETE CASCADE, amount numeric(12,2) NOT NULL, reason text);
        -- Of another system, which writes to a topic: nothing reads this table.
        CREATE TABLE shop.payments (id bigint PRIMARY KEY, order_id bigint NOT NULL, amount numeric(12,2) NOT NULL, paid_at timestamptz NOT NULL);
        CREATE TABLE shop.told (n bigserial PRIMARY KEY, topic text, key text, value text);
        CREATE FUNCTION shop.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF TG_OP = 'DELETE' THEN INSERT INTO shop.told (topic, key) VALUES ('payments', OLD.id::text);
          ELSE INSERT INTO shop.told (topic, key, value) VALUES ('payments', NEW.id::text, jsonb_build_object('order', NEW.order_id, 'cents', (NEW.amount * 100)::bigint,
            -- One system writes milliseconds, another a text.
            'paid', CASE WHEN NEW.id % 2 = 0 THEN to_jsonb((extract(epoch FROM NEW.paid_at) * 1000)::bigint) ELSE to_jsonb(to_char(NEW.paid_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) END)::text);
          END IF;
          RETURN NULL;
        END $$;
        CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON shop.payments FOR EACH ROW EXECUTE FUNCTION shop.tell();
        -- What Silver is said to hold.
        CREATE SCHEMA wanted;
        CREATE VIEW wanted.customers AS SELECT id, lower(trim(email)) AS email, CASE WHEN country IS NULL THEN '??' ELSE country::text END AS country, joined, credit FROM shop.customers WHERE email LIKE '%@%';
        CREATE VIEW wanted.orders AS SELECT * FROM shop.orders WHERE state IN ('new', 'paid', 'sent', 'cancelled');
        CREATE VIEW wanted.lines AS SELECT * FROM shop.lines WHERE quantity > 0 AND order_id IN (SELECT id FROM wanted.orders);
        CREATE VIEW wanted.refunds AS SELECT * FROM shop.refunds;
        CREATE VIEW wanted.payments AS SELECT * FROM shop.payments WHERE amount >= 0;
        """;

    private const string Opening = """
        INSERT INTO shop.customers SELECT i, CASE WHEN i % 25 = 0 THEN 'nobody' ELSE ' C' || i || '@Example.org ' END, CASE WHEN i % 10 = 0 THEN NULL ELSE (ARRAY['DE', 'FR', 'IT'])[1 + i % 3] END,
          '2024-02-27'::date + i, CASE WHEN i % 4 = 0 THEN NULL ELSE i * 1.25 END FROM generate_series(1, 100) AS i;
        INSERT INTO shop.orders SELECT i, 1 + (i * 7) % 100, CASE WHEN i % 50 = 0 THEN 'lost' ELSE (ARRAY['new', 'paid', 'sent'])[1 + i % 3] END, '2026-01-01T22:00:00Z'::timestamptz + i * interval '97 minutes',
          CASE WHEN i % 5 = 0 THEN NULL ELSE 'note ' || i END FROM generate_series(1, 240) AS i;
        INSERT INTO shop.lines SELECT o, n, 'p' || (o + n) % 9, CASE WHEN o % 40 = 0 THEN 0 ELSE 1 + (o * n) % 4 END, 0.99 + (o * n) % 50 FROM generate_series(1, 240) AS o, generate_series(1, 3) AS n WHERE n <= 1 + o % 3;
        INSERT INTO shop.payments SELECT i, i, CASE WHEN i % 60 = 0 THEN -1 ELSE i * 1.11 END, '2026-01-02T08:00:00Z'::timestamptz + i * interval '1 hour' FROM generate_series(1, 160) AS i;
        INSERT INTO shop.refunds SELECT i, i * 5, i * 0.5, CASE WHEN i % 2 = 0 THEN 'broken' END FROM generate_series(1, 30) AS i;
        """;

    private const string Day = """
        UPDATE shop.orders SET state = 'sent', note = note || ', gone' WHERE id % 4 = 0 AND id % 50 <> 0;
        UPDATE shop.orders SET state = 'cancelled' WHERE id % 13 = 0;
        UPDATE shop.orders SET state = 'new' WHERE id = 100;
        UPDATE shop.customers SET email = 'found' || id || '@example.org' WHERE id IN (25, 50);
        INSERT INTO shop.customers VALUES (200, 'nobody either', 'DE', '2026-01-02', 1);
        UPDATE shop.customers SET country = 'AT', credit = NULL WHERE id % 9 = 0;
        -- Another key, and those who go with everything that is theirs.
        UPDATE shop.customers SET id = id + 1000 WHERE id BETWEEN 60 AND 64;
        DELETE FROM shop.customers WHERE id BETWEEN 80 AND 89;
        DELETE FROM shop.orders WHERE id % 31 = 0;
        DELETE FROM shop.lines WHERE n = 3;
        INSERT INTO shop.lines SELECT id, 7, 'late', 2, 10.10 FROM shop.orders WHERE id % 6 = 0;
        INSERT INTO shop.orders SELECT i, 1 + i % 50, 'new', '2025-12-31T23:59:59.999999Z', NULL FROM generate_series(301, 320) AS i;
        TRUNCATE shop.refunds;
        INSERT INTO shop.refunds SELECT i, id, 1.01, NULL FROM (SELECT row_number() OVER (ORDER BY id) AS i, id FROM shop.orders WHERE id % 8 = 1) AS picked;
        INSERT INTO shop.payments SELECT i, i, i, '2026-01-09T00:00:00Z' FROM generate_series(161, 200) AS i;
        UPDATE shop.payments SET amount = amount + 0.01 WHERE id % 3 = 0;
        DELETE FROM shop.payments WHERE id % 17 = 0;
        """;

    private const string Silver = """
        customers {
          from = bronze/app/customers, key = [id], rules = [ { name = email_known, check = "email LIKE '%@%'" } ]
          columns { id { type = long }, email { type = string, value = "lower(trim(email))" }, country { type = string, value = "coalesce(country, '??')" }, joined { type = date }, credit { type = "decimal(10,2)" } }
        }
        orders {
          from = bronze/app/orders, key = [id], rules = [ { name = state_known, check = "state IN ('new', 'paid', 'sent', 'cancelled')" } ]
          columns { id { type = long }, customer_id { type = long, required = true }, state { type = string, required = true }, placed_at { type = timestamp, required = true }, note { type = string } }
        }
        lines {
          from = bronze/app/lines, key = [order_id, n], rules = [ { name = some, check = "quantity > 0" } ]
          references = [ { name = order_exists, column = order_id, table = silver/orders, to = id } ]
          columns { order_id { type = long }, n { type = int }, product { type = string }, quantity { type = int }, price { type = "decimal(12,2)" } }
        }
        refunds { from = bronze/app/refunds, key = [id], columns { id { type = long }, order_id { type = long }, amount { type = "decimal(12,2)" }, reason { type = string } } }
        payments {
          from = bronze/events/payments, format = json, key = [id], rules = [ { name = owed, check = "amount >= 0" } ]
          columns { id { type = long, from = _key }, order_id { type = long, path = "$.order" }, amount { type = "decimal(12,2)", value = "cents(cents)" }, paid_at { type = timestamp, value = "coalesce(epoch_ms(paid), paid)" } }
        }
        """;

    private const string Revenue = """
        SELECT c.id, c.email, c.country, c.joined, c.credit, count(o.id) AS orders, CAST(COALESCE(sum(s.total), 0) AS DECIMAL(38, 2)) AS ordered, CAST(COALESCE(sum(p.paid), 0) AS DECIMAL(38, 2)) AS paid,
          CAST(COALESCE(sum(r.back), 0) AS DECIMAL(38, 2)) AS refunded, max(o.placed_at) AS last_at, max(p.last_paid) AS last_paid, max(o.note) AS last_note
        FROM silver.customers AS c
        LEFT JOIN silver.orders AS o ON o.customer_id = c.id AND o.state <> 'cancelled'
        LEFT JOIN (SELECT order_id, sum(quantity * price) AS total FROM silver.lines GROUP BY order_id) AS s ON s.order_id = o.id
        LEFT JOIN (SELECT order_id, sum(amount) AS paid, max(paid_at) AS last_paid FROM silver.payments GROUP BY order_id) AS p ON p.order_id = o.id
        LEFT JOIN (SELECT order_id, sum(amount) AS back FROM silver.refunds GROUP BY order_id) AS r ON r.order_id = o.id
        GROUP BY c.id, c.email, c.country, c.joined, c.credit
        """;

    private const string Products = """
        SELECT l.product, o.state, count(*) AS sold, CAST(sum(l.quantity) AS BIGINT) AS units, CAST(sum(l.quantity * l.price) AS DECIMAL(38, 2)) AS revenue, min(o.placed_at) AS first_at
        FROM silver.lines AS l JOIN silver.orders AS o ON o.id = l.order_id GROUP BY l.product, o.state
        """;

    private readonly TopicScene _scene = new(sources, ("payments", 2))
    {
        MoreSources = sources.PostgresOf("""
            customers { table = "shop.customers", key = [id] }, orders { table = "shop.orders", key = [id] }
            lines { table = "shop.lines", key = [order_id, n] }, refunds { table = "shop.refunds", key = [id] }
            """, "mode = cdc, capture { slot = shop, publication = shop }"),
    };

    public ValueTask DisposeAsync() => _scene.DisposeAsync();

    [Fact]
    public async Task A_shop_is_in_Gold_what_it_is_in_its_own_tables_before_and_after_a_day_of_changes()
    {
        await _scene.SqlAsync(Tables + Opening);
        await TellAsync();
        await _scene.StartAsync("payments { envelope = tombstone }", Silver, ("revenue", Revenue), ("products", Products));
        var before = await EqualAsync();
        Assert.True(before.Revenue.Count == 96 && before.Products.Count > 12, $"{before.Revenue.Count} {before.Products.Count}");

        await _scene.SqlAsync(Day);
        await TellAsync();
        var after = await EqualAsync();

        Assert.NotEqual(before.Revenue, after.Revenue);
        Assert.Equal(await _scene.SqlAsync("SELECT id FROM shop.payments WHERE amount < 0 ORDER BY id::text"), (await _scene.RowsAsync("silver/payments__quarantine", "id")).Distinct(StringComparer.Ordinal));
        Assert.Equal(await _scene.SqlAsync("SELECT id FROM shop.customers WHERE email NOT LIKE '%@%' ORDER BY id::text"), (await _scene.RowsAsync("silver/customers__quarantine", "id")).Distinct(StringComparer.Ordinal));
        var verified = await NodeRun.OfAsync("verify", "--config", _scene.ConfigPath);
        Assert.True(verified.ExitCode == ExitCode.Done, verified.ToString());
    }

    /// <summary>What the payments' system has said since the last time.</summary>
    private async Task TellAsync()
    {
        await _scene.ProduceAsync("SELECT topic, key, value FROM shop.told ORDER BY n");
        await _scene.SqlAsync("DELETE FROM shop.told");
    }

    /// <summary>Waits until Gold is what the shop's own tables say by the same query.</summary>
    private async Task<(IReadOnlyList<string> Revenue, IReadOnlyList<string> Products)> EqualAsync()
    {
        var (revenue, products) = (await WantedAsync(Revenue), await WantedAsync(Products));
        await _scene.WaitForAsync("gold/revenue", "*", revenue);
        await _scene.WaitForAsync("gold/products", "*", products);
        return (revenue, products);
    }

    private async Task<IReadOnlyList<string>> WantedAsync(string query) =>
        [.. (await _scene.SqlAsync(query.Replace("silver.", "wanted.", StringComparison.Ordinal))).Order(StringComparer.Ordinal)];
}
