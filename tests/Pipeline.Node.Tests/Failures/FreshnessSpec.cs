using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

[Collection(HealthySources.Name)]
public sealed class FreshnessSpec(HealthySources sources) : IDisposable
{
    private const string Behind = """
        silver {
          users { from = bronze/app/users, columns { user_id { type = long, required = true } }, key = [user_id] }
          orders { from = bronze/crm/orders, columns { order_id { type = long, required = true, from = ORDER_ID } }, key = [order_id] }
        }
        gold { totals { sql = "totals.sql", materialization = full } }
        freshness { sla = 3h, tables { "gold/totals" = 90s } }
        """;

    private static readonly TableId[] OfUsers = [TableId.Bronze("app", "users"), TableId.Silver("users"), TableId.Gold("totals")];
    private static readonly TableId[] OfOthers = [TableId.Bronze("crm", "orders"), TableId.Silver("orders")];
    private static readonly TableId Clicks = TableId.Bronze("events", "clicks");

    private readonly ScratchDirectory _directory = new("pipeline-freshness-");
    private readonly Measurements _measurements = new();

    /// <summary>Nothing is written to any of the sources.</summary>
    [Fact]
    public async Task Every_layer_stays_fresh_over_idle_sources_and_ages_while_its_source_is_away()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "totals.sql"), "SELECT count(*) AS users, (SELECT count(*) FROM silver.orders) AS orders FROM silver.users", TestContext.Current.CancellationToken);
        await using var server = new TcpProxy(sources.PostgresPort);
        await using var node = await RunningNode.StartAsync(_directory, $"""
            {sources.PostgresOf(HealthySources.UsersTable, port: server.Port)}
            {sources.KafkaConfiguration}
            {sources.SnowflakeOf("orders { table = ORDERS, watermark = UPDATED_AT, key = [ORDER_ID] }")}
            """, behind: Behind);
        foreach (var table in (TableId[])[.. OfUsers, .. OfOthers, Clicks]) await node.WaitForRowsAsync(table.ToString(), 1);
        await node.WaitForTransformAsync(OfUsers[^1], table => table.Activity == Transform.Coordination.TableActivity.Current);

        await UntilReflectedAsync([.. OfUsers, .. OfOthers, Clicks], Now);
        Assert.Equal(3 * 3_600, Observe(Instruments.TableFreshnessSla, OfUsers[0]));
        Assert.Equal(90, Observe(Instruments.TableFreshnessSla, OfUsers[^1]));
        Assert.InRange(Observe(Instruments.TableFreshnessBreach, OfUsers[^1])!.Value, 1, 86_400);

        server.Cut();
        var away = Now;
        await UntilReflectedAsync(OfOthers, away);
        Assert.All(OfUsers, table => Assert.True(ReflectsUntil(table) <= away, $"{table}"));

        server.Restore();
        await UntilReflectedAsync(OfUsers, away);
    }

    public void Dispose()
    {
        _measurements.Dispose();
        _directory.Dispose();
    }

    private static TimeSpan Now => TimeProvider.System.GetElapsedTime(0);

    /// <summary>Waits until tables are known to reflect a moment after this one.</summary>
    private async Task UntilReflectedAsync(TableId[] tables, TimeSpan moment)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        using var pulse = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (!tables.All(table => ReflectsUntil(table) > moment))
        {
            Assert.False(deadline.IsCancellationRequested, string.Join(", ", tables.Select(table => $"{table} {ReflectsUntil(table) - moment}")));
            await pulse.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    private TimeSpan? ReflectsUntil(TableId table)
    {
        var now = Now;
        return Observe(Instruments.TableFreshness, table) is { } seconds ? now - TimeSpan.FromSeconds(seconds) : null;
    }

    private double? Observe(InstrumentInfo gauge, TableId table) => _measurements.Observe(gauge, table.ToString(), table.Layer.ToString().ToLowerInvariant());
}
