using Pipeline.Core;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Places;

/// <summary>A lake some of whose tables lie where nobody says how to reach them: its configuration has lost its locations, or never had any.</summary>
public sealed class UnknownPlacesSpec
{
    private static readonly TableId Orders = TableId.Bronze("events", "orders");
    private static readonly TableId Users = TableId.Bronze("app", "users");
    private static readonly TableId Daily = TableId.Gold("daily");

    private readonly MemoryStore _home = new();
    private readonly MemoryStore _streaming = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Its_tables_are_all_listed_and_those_that_nobody_reaches_are_told_when_they_are_opened()
    {
        foreach (var table in (TableId[])[Daily, Orders, Users]) await MakeAsync(Known(), table);
        await _home.PutAsync("_pipeline/places/silver/orders.json", "no json"u8.ToArray(), Cancel);
        var lake = new Lake(_home, TimeProvider.System);

        Assert.Equal([Users, Orders, TableId.Silver("orders"), Daily], await TableListing.TablesAsync(lake.Store, Cancel).ToListAsync(Cancel));
        var unknown = await Assert.ThrowsAsync<PipelineException>(() => lake.TryOpenAsync(Orders, Cancel).AsTask());
        Assert.Contains("it lies in /streaming, and no location of the configuration has this address", unknown.Cause, StringComparison.Ordinal);
        Assert.Equal(FaultKind.Damaged, (await Assert.ThrowsAsync<PipelineException>(() => lake.TryOpenAsync(TableId.Silver("orders"), Cancel).AsTask())).Kind);
        Assert.NotNull(await lake.TryOpenAsync(Users, Cancel));
        Assert.Null(await lake.TryOpenAsync(TableId.Silver("users"), Cancel));
        Assert.Contains(unknown.Cause, (await Assert.ThrowsAsync<PipelineException>(() => TableListing.HasAsync(_home, Orders.ToString(), Cancel).AsTask())).Cause, StringComparison.Ordinal);
        Assert.False(await TableListing.HasAsync(_home, "silver/users", Cancel));
    }

    [Fact]
    public async Task A_table_that_another_node_begins_to_make_elsewhere_at_the_same_moment_is_never_written_to_in_the_lake()
    {
        var placed = new PlacedStore(_home, Said, _ => _streaming);
        var plain = new Lake(new Meanwhile(_home, async () => await placed.FixAsync(Orders, "a lake", Cancel)), TimeProvider.System);

        foreach (var lake in (Lake[])[plain, plain, new Lake(_home, TimeProvider.System)])
        {
            var fault = await Assert.ThrowsAsync<PipelineException>(() => MakeAsync(lake, Orders));

            Assert.Contains("it lies in /streaming, and no location of the configuration has this address", fault.Cause, StringComparison.Ordinal);
        }
    }

    private static TablePlaces Said => new(TablePlaces.None.Locations.Add("streaming", new NamedLocation("streaming", "/streaming", new S3Options())), TablePlaces.None.ByName.Add("bronze/events", "streaming"));

    private static async Task MakeAsync(Lake lake, TableId table) => await lake.OpenOrCreateAsync(table, TestTables.KeyAndText, [], TestTables.NoConfiguration, Cancel);

    private Lake Known() => new(new PlacedStore(_home, Said, _ => _streaming), TimeProvider.System);

    /// <summary>Something happens before the first version of a table is written.</summary>
    private sealed class Meanwhile(IObjectStore inner, Func<Task> happens) : StoreDecorator(inner)
    {
        public override async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            if (path.EndsWith("/_delta_log/00000000000000000000.json", StringComparison.Ordinal)) await happens();
            return await base.PutIfAbsentAsync(path, content, cancellationToken);
        }
    }
}
