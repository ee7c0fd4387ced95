using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Demo.Session;
using Pipeline.Ingest.Tests;
using Pipeline.Node.Tests;
using Pipeline.Operations.Inspection;
using Pipeline.Testing;
using Pipeline.Transform.Silver;

namespace Pipeline.Demo.Tests.Session;

public sealed class LakeWatchSpec : IDisposable
{
    private static readonly TableId[] Tables = [TableId.Silver("orders"), TableId.Silver("users"), TableId.Silver("products")];

    private readonly ScratchDirectory _directory = new("lake-watch-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_lake_that_is_away_is_asked_once_a_look_and_its_tables_are_as_they_were()
    {
        var store = new AwayStore(new LocalObjectStore(_directory));
        var schema = new Schema([new Field("id", Int64Type.Default, nullable: false)], null);
        foreach (var table in Tables[..2]) await DeltaTable.OpenOrCreateAsync(store, table.ToString(), schema, [], ImmutableDictionary<string, string>.Empty, TimeProvider.System, Cancel);
        var watch = new LakeWatch(new Lake(store, TimeProvider.System), [Tables[..1], Tables[1..]], TimeProvider.System);
        var before = await watch.LookAsync(Cancel);
        Assert.Equal([0L, 0L, -1L], Tables.Select(table => before[table].Version));

        store.IsAway = true;
        var meanwhile = await watch.LookAsync(Cancel);

        Assert.Equal(Tables.Select(table => before[table].Version), Tables.Select(table => meanwhile[table].Version));
        Assert.Equal(1, store.Missed);
        store.IsAway = false;
        Assert.Equal(Tables.Length, (await watch.LookAsync(Cancel)).Count);
    }

    [Fact]
    public async Task A_table_that_nobody_has_made_costs_nothing_and_one_is_seen_though_its_maker_ended_before_it_said_so()
    {
        using var fixture = new LakeFixture();
        var store = new AwayStore(fixture.Lake.Store);
        var watch = new LakeWatch(new Lake(store, fixture.Time), [Tables], fixture.Time);
        await watch.LookAsync(Cancel);
        store.Asked.Clear();

        await watch.LookAsync(Cancel);
        Assert.Equal(["_pipeline/made/"], store.Asked);

        await fixture.AppendAsync(Tables[0], "Ada");
        await fixture.AppendAsync(Tables[1], "Bob");
        await MadeTables.ForgetAsync(fixture.Lake.Store, Tables[1], Cancel);
        Assert.Equal([true, false, false], await SeenAsync());
        Assert.Equal([true, false, false], await SeenAsync());
        Assert.Equal([true, true, false], await SeenAsync());

        async Task<IEnumerable<bool>> SeenAsync() => (await watch.LookAsync(Cancel)) is var glances ? Tables.Select(table => glances[table].Exists) : [];
    }

    [Fact]
    public async Task Rows_are_counted_of_what_was_seen_without_another_look_and_not_of_a_look_that_missed_some()
    {
        using var lake = new LakeFixture();
        var store = new AwayStore(lake.Lake.Store);
        var orders = TableId.Bronze("app", "orders");
        await lake.AppendAsync(orders, "Ada", "Bob");
        var turns = RowCounter.LookedAt([orders]);
        var watch = new LakeWatch(new Lake(store, lake.Time), turns, lake.Time);
        var counter = new RowCounter(new Lake(store, lake.Time), [orders], watch.Seen);

        await watch.LookAsync(Cancel);
        store.IsAway = true;
        Assert.Equal(2, await CountAsync());
        Assert.Equal(0, store.Missed);

        await lake.AppendAsync(orders, "Cid");
        await watch.LookAsync(Cancel);
        Assert.Equal((2, 1), (await CountAsync(), store.Missed));

        store.IsAway = false;
        await watch.LookAsync(Cancel);
        Assert.Equal(3, await CountAsync());
        Assert.Equal([QualityTable.Id, TableId.Silver("orders"), orders], turns.Select(turn => turn[0]));

        async Task<long> CountAsync() => (await counter.CountAsync(Cancel)).Bronze;
    }
}
