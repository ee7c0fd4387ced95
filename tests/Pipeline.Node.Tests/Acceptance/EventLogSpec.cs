using Pipeline.Node.Tests.Failures;

namespace Pipeline.Node.Tests.Acceptance;

/// <summary>One topic of events of twenty types, whose fields have another form in each: Gold is what plain SQL says of the same documents.</summary>
[Collection(HealthySources.Name)]
public sealed class EventLogSpec(HealthySources sources) : IAsyncDisposable
{
    /// <summary>Moments as numbers, as texts in UTC and with an offset; amounts as numbers, texts and cents; users as numbers and texts, within an object and without.</summary>
    private const string Events = """
        DROP SCHEMA IF EXISTS log CASCADE;
        CREATE SCHEMA log;
        CREATE TABLE log.events AS
        SELECT n, jsonb_build_object('event_id', CASE WHEN n % 50 = 49 THEN n - 1 ELSE n END, 'type', 'type ' || n % 20)
          || jsonb_build_object('at', CASE WHEN n % 97 = 96 THEN to_jsonb('soon'::text) ELSE CASE n % 3
               WHEN 0 THEN to_jsonb(1767225600000 + n * 61001::bigint)
               WHEN 1 THEN to_jsonb(to_char(timestamp '2026-01-01' + n * interval '61.001 seconds', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
               ELSE to_jsonb(to_char(timestamp '2026-01-01' + n * interval '61.001 seconds' + interval '2 hours', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+02:00"')) END END)
          || CASE n % 4 WHEN 0 THEN jsonb_build_object('amount', n * 0.25) WHEN 1 THEN jsonb_build_object('amount', (n * 0.1)::text) WHEN 2 THEN jsonb_build_object('amount_cents', n * 7) ELSE '{"amount":null}' END
          || CASE n % 5 WHEN 0 THEN jsonb_build_object('user', jsonb_build_object('id', n % 17)) WHEN 1 THEN jsonb_build_object('user', jsonb_build_object('id', 'u' || n % 7))
               WHEN 2 THEN jsonb_build_object('user_id', n % 11) WHEN 3 THEN jsonb_build_object('user_id', 'v' || n % 9) ELSE '{"user":"nobody"}' END
          || CASE WHEN n % 20 < 10 THEN jsonb_build_object('lines', (SELECT jsonb_agg(jsonb_build_object('sku', 's' || i)) FROM generate_series(0, n % 3) AS i)) ELSE jsonb_build_object('lines', n % 20) END AS value
        FROM generate_series(1, 420) AS n;
        """;

    private const string Silver = """
        events {
          from = bronze/events/log, format = json, key = [event_id]
          columns {
            event_id { type = long }, type { type = string, required = true }
            happened_at { type = timestamp, value = "coalesce(epoch_ms(at), at)", required = true }
            amount { type = "decimal(12,2)", value = "coalesce(amount, cents(amount_cents))" }
            user_id { type = string, value = "coalesce(user_id, path('$.user.id'))" }
          }
        }
        """;

    private const string Gold = """
        SELECT e.type, count(*) AS events, sum(e.amount) AS amount, min(e.happened_at) AS first_at, max(e.happened_at) AS last_at, count(DISTINCT e.user_id) AS users
        FROM silver.events AS e
        GROUP BY e.type
        """;

    /// <summary>The last of each event that can be told the time of.</summary>
    private const string Known = """
        (SELECT DISTINCT ON (value->>'event_id') value->>'type' AS type,
          CASE WHEN jsonb_typeof(value->'at') = 'number' THEN timestamp 'epoch' + (value->>'at')::bigint * interval '1 millisecond' ELSE (value->>'at')::timestamptz AT TIME ZONE 'UTC' END AS happened_at,
          COALESCE((value->>'amount')::numeric, (value->>'amount_cents')::numeric / 100)::numeric(12,2) AS amount, COALESCE(value->>'user_id', value->'user'->>'id') AS user_id
        FROM log.events WHERE value->>'at' <> 'soon' ORDER BY value->>'event_id', n DESC)
        """;

    private readonly TopicScene _scene = new(sources, ("log", 2));

    public ValueTask DisposeAsync() => _scene.DisposeAsync();

    [Fact]
    public async Task Events_of_twenty_types_whose_fields_change_their_form_reach_Gold_as_plain_SQL_reads_them()
    {
        await _scene.SqlAsync(Events);
        var expected = (await _scene.SqlAsync(Gold.Replace("silver.events", Known, StringComparison.Ordinal))).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(20, expected.Count);
        await _scene.ProduceAsync("SELECT 'log', value->>'event_id', value::text FROM log.events ORDER BY n");

        await _scene.StartAsync("log { topic = log }", Silver, ("by_type", Gold));

        await _scene.WaitForAsync("gold/by_type", "*", expected);
        Assert.Equal(Enumerable.Repeat("type:happened_at", 4), await _scene.RowsAsync("silver/events__quarantine", "_rules"));
    }
}
