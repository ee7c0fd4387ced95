using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Demo.Session;
using Pipeline.Ingest.Tests;
using Pipeline.Testing;

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
        var watch = new LakeWatch(new Lake(store, TimeProvider.System), Tables, TimeProvider.System);
        var before = await watch.LookAsync(Cancel);
        Assert.Equal([0L, 0L, -1L], Tables.Select(table => before[table].Version));

        store.IsAway = true;
        var meanwhile = await watch.LookAsync(Cancel);

        Assert.Equal(Tables.Select(table => before[table].Version), Tables.Select(table => meanwhile[table].Version));
        Assert.Equal(1, store.Missed);
        store.IsAway = false;
        Assert.Equal(Tables.Length, (await watch.LookAsync(Cancel)).Count);
    }
}
