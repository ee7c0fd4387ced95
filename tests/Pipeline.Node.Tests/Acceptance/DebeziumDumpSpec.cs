using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;

namespace Pipeline.Node.Tests.Acceptance;

/// <summary>
/// Tables of a PostgreSQL with changes of every kind, and what Debezium writes of them: Gold is what the same query says of the tables
/// themselves.
/// </summary>
[Collection(HealthySources.Name)]
public sealed class DebeziumDumpSpec(HealthySources sources) : IAsyncDisposable
{
    private const string Tables = """
        DROP SCHEMA IF EXISTS dump CASCADE;
        CREATE SCHEMA dump;
        CREATE TABLE dump.customers (id bigint PRIMARY KEY, email text, city text, since date);
        CREATE TABLE dump.orders (id bigint PRIMARY KEY, customer_id bigint, total numeric(12,2), state text, placed_at timestamptz, note text);
        CREATE TABLE dump.refunds (id bigint PRIMARY KEY, order_id bigint, amount numeric(12,2));
        CREATE TABLE dump.events (n bigserial PRIMARY KEY, topic text, key text, value text);
        CREATE FUNCTION dump.image(of jsonb) RETURNS jsonb LANGUAGE sql AS $$
          SELECT of || CASE WHEN of ? 'total' THEN jsonb_build_object('total', of->>'total') ELSE '{}' END || CASE WHEN of ? 'amount' THEN jsonb_build_object('amount', of->>'amount') ELSE '{}' END
            || CASE WHEN of ? 'placed_at' THEN jsonb_build_object('placed_at', (extract(epoch FROM (of->>'placed_at')::timestamptz) * 1000000)::bigint) ELSE '{}' END
            || CASE WHEN of ? 'since' THEN jsonb_build_object('since', (of->>'since')::date - date '1970-01-01') ELSE '{}' END $$;
        CREATE FUNCTION dump.write(topic text, key jsonb, op text, before jsonb, after jsonb) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE event jsonb := jsonb_build_object('before', before, 'after', after, 'source', jsonb_build_object('connector', 'postgresql', 'table', topic), 'op', op, 'ts_ms', 1);
        BEGIN
          -- Connect's converter with schemas, of one of the topics.
          IF topic = 'orders' THEN
            event := jsonb_build_object('schema', jsonb_build_object('type', 'struct', 'name', 'Envelope'), 'payload', event);
            key := jsonb_build_object('schema', jsonb_build_object('type', 'struct'), 'payload', key);
          END IF;
          INSERT INTO dump.events (topic, key, value) VALUES (topic, key::text, event::text);
          IF op = 'd' THEN INSERT INTO dump.events (topic, key, value) VALUES (topic, key::text, NULL); END IF;
        END $$;
        CREATE FUNCTION dump.told() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
          old jsonb := CASE WHEN TG_OP IN ('UPDATE', 'DELETE') THEN dump.image(to_jsonb(OLD)) END;
          new jsonb := CASE WHEN TG_OP IN ('UPDATE', 'INSERT') THEN dump.image(to_jsonb(NEW)) END;
          -- What a table without REPLICA IDENTITY FULL says of a row that is gone.
          gone jsonb := CASE TG_TABLE_NAME WHEN 'orders' THEN jsonb_build_object('id', old->'id', 'state', NULL) WHEN 'refunds' THEN NULL ELSE old END;
        BEGIN
          IF TG_OP = 'TRUNCATE' THEN
            INSERT INTO dump.events (topic, value) VALUES (TG_TABLE_NAME, '{"op":"t","before":null,"after":null}');
          ELSIF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND old->'id' <> new->'id') THEN
            PERFORM dump.write(TG_TABLE_NAME, jsonb_build_object('id', old->'id'), 'd', gone, NULL);
            IF TG_OP = 'UPDATE' THEN PERFORM dump.write(TG_TABLE_NAME, jsonb_build_object('id', new->'id'), 'c', NULL, new); END IF;
          ELSIF TG_OP = 'UPDATE' THEN
            -- A long value that is as it was is not in the log.
            IF TG_TABLE_NAME = 'orders' AND old->>'note' = new->>'note' THEN new := new || '{"note":"__debezium_unavailable_value"}'; END IF;
            PERFORM dump.write(TG_TABLE_NAME, jsonb_build_object('id', new->'id'), 'u', NULL, new);
          ELSE
            PERFORM dump.write(TG_TABLE_NAME, jsonb_build_object('id', new->'id'), CASE WHEN (new->>'id')::bigint <= 40 AND NOT EXISTS (SELECT FROM dump.events WHERE topic = TG_TABLE_NAME AND value LIKE '%"u"%') THEN 'r' ELSE 'c' END, NULL, new);
          END IF;
          RETURN NULL;
        END $$;
        """;

    private const string Changes = """
        DO $$ DECLARE t text; BEGIN
          FOREACH t IN ARRAY ARRAY['customers', 'orders', 'refunds'] LOOP
            EXECUTE format('CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON dump.%I FOR EACH ROW EXECUTE FUNCTION dump.told()', t);
            EXECUTE format('CREATE TRIGGER emptied AFTER TRUNCATE ON dump.%I FOR EACH STATEMENT EXECUTE FUNCTION dump.told()', t);
          END LOOP;
        END $$;
        SELECT setseed(0.42);
        INSERT INTO dump.customers SELECT i, 'c' || i || '@example.org', (ARRAY['Bern', 'Graz', 'Köln', 'Metz'])[1 + i % 4], '2020-02-28'::date + i FROM generate_series(1, 100) AS i;
        INSERT INTO dump.orders SELECT i, 1 + i % 100, round((random() * 500)::numeric, 2), 'new', '2026-01-01T00:00:00Z'::timestamptz + i * interval '37 minutes', 'note ' || i FROM generate_series(1, 200) AS i;
        INSERT INTO dump.refunds SELECT i, i, i FROM generate_series(1, 30) AS i;
        UPDATE dump.orders SET state = 'paid' WHERE id % 3 <> 0;
        UPDATE dump.orders SET note = note || ' and more', total = total + 0.01 WHERE id % 7 = 0;
        UPDATE dump.orders SET state = 'sent' WHERE id % 5 = 0;
        TRUNCATE dump.refunds;
        INSERT INTO dump.refunds SELECT i, i * 3, i * 1.5 FROM generate_series(10, 60) AS i;
        DELETE FROM dump.orders WHERE id % 11 = 0;
        INSERT INTO dump.orders SELECT i, 1 + i % 100, i, 'again', '2026-02-01T00:00:00.123456Z', NULL FROM generate_series(11, 99, 22) AS i;
        UPDATE dump.orders SET id = id + 1000 WHERE id BETWEEN 20 AND 30;
        UPDATE dump.orders SET id = id - 1000, state = 'back' WHERE id IN (1021, 1023);
        UPDATE dump.customers SET id = id + 500, city = 'Brno' WHERE id > 95;
        UPDATE dump.customers SET city = NULL WHERE id % 10 = 0;
        DELETE FROM dump.customers WHERE id BETWEEN 1 AND 5;
        DELETE FROM dump.refunds WHERE id % 4 = 0;
        """;

    private const string Silver = """
        customers { from = bronze/events/customers, format = json, columns { id { type = long }, email { type = string, required = true }, city { type = string }, since { type = date, value = "epoch_d(since)" } }, key = [id] }
        orders {
          from = bronze/events/orders, format = json, key = [id]
          columns {
            id { type = long }, customer_id { type = long, required = true }, total { type = "decimal(12,2)", required = true }, state { type = string }
            placed_at { type = timestamp, value = "epoch_us(placed_at)" }, note { type = string }
          }
        }
        refunds { from = bronze/events/refunds, format = json, columns { id { type = long }, order_id { type = long }, amount { type = "decimal(12,2)" } }, key = [id] }
        """;

    private const string Sales = """
        SELECT COALESCE(c.city, '-') AS city, o.state, count(*) AS orders, sum(o.total) AS total, count(o.note) AS notes, max(o.note) AS last_note, max(o.placed_at) AS last_at, min(c.since) AS since
        FROM silver.orders AS o LEFT JOIN silver.customers AS c ON o.customer_id = c.id
        GROUP BY COALESCE(c.city, '-'), o.state
        """;

    private const string Refunds = "SELECT r.id, r.amount, o.total FROM silver.refunds AS r LEFT JOIN silver.orders AS o ON r.order_id = o.id";

    private readonly TopicScene _scene = new(sources, ("customers", 3), ("orders", 1), ("refunds", 2));

    public ValueTask DisposeAsync() => _scene.DisposeAsync();

    [Fact]
    public async Task Every_change_of_a_dump_reaches_Gold_as_the_tables_themselves_have_it()
    {
        await _scene.SqlAsync(Tables + Changes);
        var sales = (await _scene.SqlAsync(Plain(Sales))).Order(StringComparer.Ordinal).ToList();
        var refunds = (await _scene.SqlAsync(Plain(Refunds))).Order(StringComparer.Ordinal).ToList();
        Assert.True(sales.Count > 12 && refunds.Count > 30, $"{sales.Count} {refunds.Count}");
        await _scene.ProduceAsync("SELECT topic, key, value FROM dump.events ORDER BY n");

        await _scene.StartAsync("""
            customers { envelope = debezium }, orders { envelope = debezium }, refunds { envelope = debezium }
            """, Silver, ("sales", Sales), ("refunded", Refunds));

        await _scene.WaitForAsync("gold/sales", "*", sales);
        await _scene.WaitForAsync("gold/refunded", "*", refunds);
        Assert.Empty(await _scene.RowsAsync("bronze/events/_dead_letter", "code"));
        Assert.Empty(await _scene.RowsAsync("silver/orders__quarantine", "_rules"));
        var check = await NodeRun.OfAsync("check", "--config", _scene.ConfigPath);
        Assert.True(check.ExitCode == ExitCode.Done, check.Data + check.Messages);
    }

    private static string Plain(string sql) => sql.Replace("silver.", "dump.", StringComparison.Ordinal);
}
