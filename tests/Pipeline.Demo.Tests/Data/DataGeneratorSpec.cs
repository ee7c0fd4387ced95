using System.Security.Cryptography;
using Pipeline.Demo.Data;

namespace Pipeline.Demo.Tests.Data;

public sealed class DataGeneratorSpec
{
    [Fact]
    public void Makes_the_same_bytes_from_the_same_seed_and_tick_in_any_order()
    {
        var first = new DataGenerator(GeneratedData.Settings());
        var second = new DataGenerator(GeneratedData.Settings());
        int[] ticks = [0, 1, 4, 5, 9];

        var forward = ticks.Select(tick => Hash(first, tick)).ToList();
        var backward = ticks.Reverse().Select(tick => Hash(second, tick)).Reverse().ToList();

        Assert.Equal(forward, backward);
    }

    [Fact]
    public void Makes_other_rows_from_another_seed()
    {
        var one = new DataGenerator(GeneratedData.Settings(seed: 1));
        var other = new DataGenerator(GeneratedData.Settings(seed: 2));

        Assert.NotEqual(Hash(one, 0), Hash(other, 0));
        Assert.NotEqual(Hash(one, 5), Hash(other, 5));
    }

    [Theory]
    [InlineData(7, 500, 12)]
    [InlineData(1234, 20, 10)]
    [InlineData(-5, 3_000, 6)]
    public void Expects_what_a_naive_medallion_counts_to_the_row_and_cent(long seed, int rowsPerTick, int lastTick)
    {
        using var lake = new NaiveMedallion();
        var expectation = GeneratedData.Fill(lake, new DataGenerator(GeneratedData.Settings(seed, rowsPerTick)), lastTick);

        lake.Build();

        Assert.Equal(11, expectation.Tables.Count);
        Assert.Equal(11, expectation.Gold.Count);
        Assert.Empty(ExpectationCheck.Differences(expectation, lake));
    }

    [Fact]
    public void Does_not_expect_what_a_medallion_that_lost_one_line_counts()
    {
        using var lake = new NaiveMedallion();
        var expectation = GeneratedData.Fill(lake, new DataGenerator(GeneratedData.Settings()), lastTick: 2);
        lake.Execute("DELETE FROM bronze.order_events WHERE _seq = 1");

        lake.Build();

        var differences = ExpectationCheck.Differences(expectation, lake);
        Assert.Contains(differences, difference => difference.StartsWith("silver/order_events:", StringComparison.Ordinal));
        Assert.Contains(differences, difference => difference.StartsWith("gold/kpi_daily SUM(revenue):", StringComparison.Ordinal));
    }

    [Fact]
    public void Gives_every_row_exactly_one_fate()
    {
        using var lake = new NaiveMedallion();

        var expectation = GeneratedData.Fill(lake, new DataGenerator(GeneratedData.Settings()), lastTick: 10);

        Assert.All(expectation.Tables, table => Assert.Equal(table.Bronze, table.Silver + table.Quarantined + table.Superseded));
    }

    [Fact]
    public void Plants_every_kind_of_dirt_in_the_shortest_demo()
    {
        using var lake = new NaiveMedallion();

        var tables = GeneratedData.Fill(lake, new DataGenerator(GeneratedData.Settings(rowsPerTick: 20)), lastTick: 0)
            .Tables.ToDictionary(table => table.Table, StringComparer.Ordinal);

        Assert.Equal(Planted, tables.Values.SelectMany(table => table.QuarantinedByRule.Keys.Concat(table.WarnedByRule.Keys).Select(rule => $"{table.Table} {rule}")).Order(StringComparer.Ordinal));
        Assert.All(tables.Values.Where(table => table.Source is "events" || table.Table is "customer_orders" or "product_catalog" or "financial_transactions"),
            table => Assert.True(table.Superseded > 0, $"{table.Table} has no row twice"));
        Assert.True(tables["user_events"].DeadLetters > 0);
        Assert.True(tables["system_metrics"].DeadLetters > 0);
        Assert.All(tables.Values, table => Assert.True(table.Silver > table.Quarantined * 10, $"{table.Table} is mostly dirt"));
    }

    [Fact]
    public void Writes_new_versions_of_a_row_only_a_gap_after_the_former()
    {
        var settings = GeneratedData.Settings(rowsPerTick: 3_000);
        var data = new DataGenerator(settings);
        var lastSeen = new Dictionary<(string Table, object Key), int>();

        for (var tick = 0; tick <= 30; tick++)
        {
            Look("users", data.Users.Rows(tick).Select(row => (object)row.Row.UserId), tick);
            Look("subscriptions", data.Subscriptions.Rows(tick).Select(row => (object)row.Row.SubscriptionId), tick);
            Look("product_inventory", data.Inventory.Rows(tick).Select(row => (object)(row.Row.WarehouseId, row.Row.ProductId)), tick);
            Look("user_sessions", data.Sessions.Rows(tick).Select(row => (object)row.Row.SessionId), tick);
            Look("customer_orders", data.Orders.Rows(tick).Select(row => (object)row.Row.OrderId), tick);
            Look("product_catalog", data.Products.Rows(tick).Select(row => (object)row.Row.ProductId), tick);
            Look("financial_transactions", data.Transactions.Rows(tick).Select(row => (object)row.Row.TransactionId), tick);
        }

        void Look(string table, IEnumerable<object> keys, int tick)
        {
            foreach (var key in keys)
            {
                if (lastSeen.TryGetValue((table, key), out var before) && before != tick)
                    Assert.True(tick - before >= settings.Scale.Gap, $"{table} {key} changes in tick {before} and {tick}");
                lastSeen[(table, key)] = tick;
            }
        }
    }

    private static readonly string[] Planted =
    [
        "customer_orders email_valid", "customer_orders required:total_amount",
        "financial_transactions order_exists", "financial_transactions required:amount",
        "inventory_updates malformed_json", "inventory_updates on_time", "inventory_updates product_exists",
        "order_events malformed_json", "order_events order_exists", "order_events product_exists", "order_events quantity_positive",
        "product_catalog price_positive", "product_catalog required:product_name",
        "product_inventory product_exists", "product_inventory reserved_within_stock",
        "subscriptions period_valid", "subscriptions required:plan",
        "system_metrics required:host", "system_metrics type:value", "system_metrics value_plausible",
        "user_events malformed_json", "user_events on_time", "user_events required:user_id", "user_events type_known", "user_events user_exists",
        "user_sessions period_valid", "user_sessions required:device", "user_sessions user_exists",
        "users country_code", "users email_valid", "users required:email",
    ];

    private static string Hash(DataGenerator data, int tick) => Convert.ToHexString(SHA256.HashData(GeneratedData.BytesOf(data, tick)));
}
