using CsCheck;
using Pipeline.Core;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Places;

/// <summary>A lake some of whose tables lie elsewhere: it behaves as one store, and a table stays where it was made.</summary>
public sealed class PlacedStoreSpec
{
    private static readonly TableId Orders = TableId.Bronze("events", "orders");
    private static readonly TableId Users = TableId.Bronze("app", "users");

    /// <summary>Tables of three places, whose names stand between each other's, and what is of no table.</summary>
    private static readonly string[] Tables = ["bronze/app/users", "bronze/app/users2", "bronze/events/orders", "bronze/events/orders-old", "gold/daily", "silver/orders", "silver/orders__quarantine"];

    private static readonly string[] Names = ["_delta_log/00000000000000000000.json", "_delta_log/00000000000000000001.json", "a.parquet", "b/c.parquet", "z"];

    private readonly Dictionary<string, MemoryStore> _stores = new(StringComparer.Ordinal);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private MemoryStore Home => At("home");

    [Fact]
    public async Task Whatever_is_done_it_answers_as_one_store_would()
    {
        string[] paths = [.. Tables.SelectMany(table => Names.Select(name => $"{table}/{name}")), "_pipeline/x", "control.json", "silver"];
        var path = Gen.Int[0, paths.Length - 1].Select(index => paths[index]);
        var step = Gen.Select(path, Gen.Int[0, 6], Gen.Byte.Array[0, 6], (path, kind, content) => (path, kind, content));
        await step.Array[1, 60].SampleAsync(async steps =>
        {
            var (one, stores) = (new MemoryStore(), new Dictionary<string, MemoryStore>(StringComparer.Ordinal) { ["home"] = new() });
            var many = await PlacedAsync(stores);
            foreach (var (path, kind, content) in steps) Assert.Equal(await AnswerAsync(one, path, kind, content), await AnswerAsync(many, path, kind, content));
            foreach (var prefix in (string[])["", "b", "bronze/", "bronze/app/users", "bronze/app/users/", "bronze/events/orders/_delta_log/", "gold/", "silver/orders", "silver/x", "control"])
                foreach (var startAt in (string?[])[null, "bronze/app/users/a.parquet", "bronze/app/users0", "bronze/events/orders/", "silver/orders/z"])
                    Assert.Equal(await PathsAsync(one, prefix, startAt), await PathsAsync(many, prefix, startAt));
            // Each table is where it was put, and nowhere else.
            Assert.All(stores["streaming"].Paths, path => Assert.StartsWith("bronze/events/", path, StringComparison.Ordinal));
            Assert.All(stores["internal"].Paths, path => Assert.True(path.StartsWith("bronze/app/users/", StringComparison.Ordinal) || path.StartsWith("silver/orders", StringComparison.Ordinal), path));
        }, iter: 200, threads: 2);
    }

    [Fact]
    public async Task A_table_stays_where_it_was_made_whatever_is_said_later()
    {
        var first = Open(("bronze/events", "streaming"));
        await AppendAsync(first, Orders, 1);
        var changed = Open(("bronze/events", "internal"));

        await AppendAsync(changed, Orders, 2);
        await AppendAsync(changed, TableId.Bronze("events", "lines"), 1);

        Assert.Equal(2, (await OpenAsync(changed, Orders)).Current.FilesByPath.Count);
        Assert.All(At("streaming").Paths.Where(IsOfTable), path => Assert.StartsWith("bronze/events/orders/", path, StringComparison.Ordinal));
        Assert.All(At("internal").Paths.Where(IsOfTable), path => Assert.StartsWith("bronze/events/lines/", path, StringComparison.Ordinal));
        Assert.DoesNotContain(Home.Paths, IsOfTable);
    }

    [Fact]
    public async Task A_table_that_was_in_the_lake_before_stays_in_it()
    {
        await AppendAsync(new Lake(Home, TimeProvider.System), Users, 1);
        var lake = Open(("bronze", "streaming"));

        await AppendAsync(lake, Users, 2);

        Assert.Equal(2, (await OpenAsync(lake, Users)).Current.FilesByPath.Count);
        Assert.DoesNotContain("streaming", _stores.Keys);
    }

    [Fact]
    public async Task Of_nodes_that_are_told_otherwise_the_first_decides_also_for_who_has_looked_before()
    {
        var (one, other, third) = (Open(("bronze/events", "streaming")), Open(("bronze/events", "internal")), Open(("gold", "streaming")));
        Assert.Null(await other.TryOpenAsync(Orders, Cancel));
        Assert.Null(await third.TryOpenAsync(Orders, Cancel));

        await AppendAsync(one, Orders, 1);
        await AppendAsync(other, Orders, 2);
        await AppendAsync(third, Orders, 3);

        Assert.Equal(3, (await OpenAsync(one, Orders)).Current.FilesByPath.Count);
        Assert.False(_stores.TryGetValue("internal", out var store) && store.Paths.Any(IsOfTable));
        Assert.DoesNotContain(Home.Paths, IsOfTable);
    }

    [Fact]
    public async Task Who_knows_no_location_makes_no_second_table_and_is_told_what_is_missing()
    {
        await AppendAsync(Open(("bronze/events", "streaming")), Orders, 1);

        var plain = await Assert.ThrowsAsync<PipelineException>(() => AppendAsync(new Lake(Home, TimeProvider.System), Orders, 2));
        var other = await Assert.ThrowsAsync<PipelineException>(() => AppendAsync(new Lake(new PlacedStore(Home, TablePlaces.None, _ => throw new InvalidOperationException()), TimeProvider.System), Orders, 2));

        Assert.All([plain, other], fault =>
        {
            Assert.Equal("Table bronze/events/orders", fault.Thing);
            Assert.Contains("it lies in /streaming, and no location of the configuration has this address", fault.Cause, StringComparison.Ordinal);
            Assert.Contains("pipeline.locations.streaming.location = \"/streaming\"", fault.NextStep, StringComparison.Ordinal);
        });
        Assert.DoesNotContain(Home.Paths, IsOfTable);
    }

    [Fact]
    public async Task A_location_is_of_one_lake()
    {
        await AppendAsync(Open(("bronze", "streaming")), Orders, 1);
        var other = new Lake(new PlacedStore(new MemoryStore(), Said(("bronze", "streaming")), location => At(location.Name)), TimeProvider.System);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => AppendAsync(other, Orders, 2));

        Assert.Contains("it has tables of the lake ", fault.Cause, StringComparison.Ordinal);
        Assert.Single((await OpenAsync(Open(("bronze", "streaming")), Orders)).Current.FilesByPath);
    }

    [Fact]
    public async Task A_location_that_has_lost_what_it_had_is_no_table_that_was_never_made()
    {
        await AppendAsync(Open(("bronze/events", "streaming")), Orders, 1);
        _stores.Remove("streaming");
        var lake = Open(("bronze/events", "streaming"));
        await AppendAsync(lake, Users, 1);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => AppendAsync(lake, Orders, 2));

        Assert.Equal(FaultKind.Missing, fault.Kind);
        Assert.Contains("it is not mounted, or was emptied", fault.Cause, StringComparison.Ordinal);
        Assert.DoesNotContain("streaming", _stores.Where(store => store.Value.Paths.Any()).Select(store => store.Key));
        // All tables are told of, each for itself.
        Assert.Equal([Users, Orders], await TableListing.TablesAsync(lake.Store, Cancel).ToListAsync(Cancel));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_location_that_has_lost_what_it_had_takes_no_new_table_either(bool isRestarted)
    {
        var lake = Open(("bronze/events", "streaming"));
        await Home.PutAsync("_pipeline/places/bronze/app/damaged.json", new byte[] { 1 }, Cancel);
        await AppendAsync(lake, Orders, 1);
        At("streaming").Clear();
        if (isRestarted) lake = Open(("bronze/events", "streaming"));

        var fault = await Assert.ThrowsAsync<PipelineException>(() => AppendAsync(lake, TableId.Bronze("events", "lines"), 1));

        Assert.Equal(FaultKind.Missing, fault.Kind);
        Assert.Contains("it is not mounted, or was emptied", fault.Cause, StringComparison.Ordinal);
        Assert.Empty(At("streaming").Paths);
        Assert.Null(await Home.TryGetAsync("_pipeline/places/bronze/events/lines.json", Cancel));
    }

    [Fact]
    public async Task A_location_that_goes_away_under_a_running_node_is_no_table_that_was_never_made_either()
    {
        var lake = Open(("bronze/events", "streaming"));
        await AppendAsync(lake, Orders, 1);
        await AppendAsync(lake, Users, 1);
        var open = await OpenAsync(lake, Orders);
        At("streaming").Clear();

        foreach (var ask in (Func<Task>[])[() => AppendAsync(lake, Orders, 2), () => OpenAsync(lake, Orders), () => TableListing.HasAsync(lake.Store, Orders.ToString(), Cancel).AsTask(), FixAsync])
            Assert.Contains("it is not mounted, or was emptied", (await Assert.ThrowsAsync<PipelineException>(ask)).Cause, StringComparison.Ordinal);
        // Nobody looks for a version whose log has gone.
        await Assert.ThrowsAsync<PipelineException>(() => TestTables.AppendAsync(open, 2));
        Assert.DoesNotContain(At("streaming").Paths, path => path.Contains("_delta_log", StringComparison.Ordinal));
        Assert.Equal([Users, Orders], await TableListing.TablesAsync(lake.Store, Cancel).ToListAsync(Cancel));
        await AppendAsync(lake, Users, 2);

        async Task FixAsync() => await ((PlacedStore)lake.Store).FixAsync(Orders, await lake.IdAsync(Cancel), Cancel);
    }

    [Fact]
    public async Task A_table_that_was_begun_and_never_made_is_none()
    {
        var lake = Open(("bronze/events", "streaming"));
        await ((PlacedStore)lake.Store).FixAsync(Orders, await lake.IdAsync(Cancel), Cancel);

        foreach (var one in (Lake[])[lake, Open(("bronze/events", "streaming"))])
        {
            Assert.Null(await one.TryOpenAsync(Orders, Cancel));
            Assert.Empty(await TableListing.TablesAsync(one.Store, Cancel).ToListAsync(Cancel));
        }
    }

    [Fact]
    public async Task Tables_are_found_wherever_they_lie_in_the_order_of_their_names()
    {
        var lake = Open(("bronze/events", "streaming"), ("gold", "internal"), ("silver/users", "internal"));
        TableId[] tables = [TableId.Bronze("crm", "a"), Orders, TableId.Bronze("files", "a"), TableId.Silver("orders"), TableId.Silver("users"), TableId.Silver("users__quarantine"), TableId.Gold("daily")];
        foreach (var table in tables.Reverse()) await AppendAsync(lake, table, 1);

        Assert.Equal(tables, await TableListing.TablesAsync(lake.Store, Cancel).ToListAsync(Cancel));
        Assert.Equal(tables, await TableListing.TablesAsync(Open(("bronze", "internal")).Store, Cancel).ToListAsync(Cancel));
    }

    [Fact]
    public async Task What_stands_beside_a_table_is_made_where_the_table_lies()
    {
        await AppendAsync(Open(("silver", "streaming")), TableId.Silver("orders"), 1);
        await AppendAsync(Open(), TableId.Silver("users"), 1);
        var changed = Open(("silver", "internal"));

        foreach (var table in (string[])["orders__rebuild", "orders__quarantine", "users__rebuild", "others__rebuild"]) await AppendAsync(changed, TableId.Silver(table), 1);

        Assert.Equal(["orders", "orders__quarantine", "orders__rebuild"], SilverIn("streaming"));
        Assert.Equal(["users", "users__rebuild"], SilverIn("home"));
        Assert.Equal(["others__rebuild"], SilverIn("internal"));
    }

    [Fact]
    public async Task What_stands_beside_a_table_has_its_first_files_where_the_table_lies_though_it_is_not_there_yet()
    {
        await AppendAsync(Open(("silver", "streaming")), TableId.Silver("orders"), 1);
        await AppendAsync(Open(("silver", "streaming")), TableId.Silver("others__rebuild"), 1);
        await AppendAsync(Open(), TableId.Silver("users"), 1);
        var lake = Open(("silver", "internal"));
        string[] tables = ["orders__deleted", "users__deleted", "others__rebuild__deleted"];

        foreach (var table in tables) await lake.Store.PutAsync($"silver/{table}/first.parquet", new byte[] { 1 }, Cancel);
        foreach (var table in tables) await AppendAsync(lake, TableId.Silver(table), 1);

        foreach (var table in tables) Assert.NotNull(await (await OpenAsync(lake, TableId.Silver(table))).Store.TryStatAsync($"silver/{table}/first.parquet", Cancel));
        Assert.Equal(["orders", "orders__deleted", "others__rebuild", "others__rebuild__deleted"], SilverIn("streaming"));
        Assert.Equal(["users", "users__deleted"], SilverIn("home"));
        Assert.DoesNotContain("internal", _stores.Keys);
    }

    [Fact]
    public async Task What_the_pipeline_keeps_about_itself_stays_in_the_lake()
    {
        var lake = Open(("bronze", "streaming"), ("silver", "streaming"), ("gold", "streaming"));

        foreach (var table in (TableId[])[TableId.Silver("_quality"), TableId.Gold("_pipeline_control"), TableId.DeadLetter("events")]) await AppendAsync(lake, table, 1);
        await lake.IdAsync(Cancel);

        Assert.Equal(["gold/_pipeline_control", "silver/_quality"], Home.Paths.Where(IsOfTable).Select(path => string.Join('/', path.Split('/')[..2])).Distinct());
        Assert.All(At("streaming").Paths.Where(IsOfTable), path => Assert.StartsWith("bronze/events/_dead_letter/", path, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("bronze/events/orders/../../app/users/a.parquet")]
    [InlineData("bronze/events/./orders/a.parquet")]
    [InlineData("bronze//events/orders/a.parquet")]
    [InlineData("bronze/events/orders/..")]
    [InlineData("../streaming/bronze/events/orders/a.parquet")]
    public async Task A_path_that_leads_elsewhere_is_refused_before_a_store_is_chosen(string path)
    {
        var lake = Open(("bronze/events", "streaming"));
        await AppendAsync(lake, Orders, 1);

        var fault = await Assert.ThrowsAsync<PipelineException>(async () => await lake.Store.TryGetAsync(path, Cancel));

        Assert.Contains("leads out of it", fault.Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("no json")]
    [InlineData("""{"location":"streaming"}""")]
    [InlineData("""{"location":"lake","address":"/streaming"}""")]
    public async Task A_place_that_cannot_be_read_stops_its_table_alone(string json)
    {
        var lake = Open(("bronze/events", "streaming"));
        await AppendAsync(lake, Users, 1);
        await Home.PutAsync("_pipeline/places/bronze/events/orders.json", System.Text.Encoding.UTF8.GetBytes(json), Cancel);

        var fault = await Assert.ThrowsAsync<PipelineException>(() => AppendAsync(lake, Orders, 1));

        Assert.Equal(FaultKind.Damaged, fault.Kind);
        await AppendAsync(lake, Users, 2);
        Assert.Equal([Users, Orders], await TableListing.TablesAsync(lake.Store, Cancel).ToListAsync(Cancel));
    }

    [Fact]
    public async Task A_table_knows_its_own_store_so_that_faults_and_absolute_paths_name_it()
    {
        var lake = Open(("bronze/events", "streaming"));
        await AppendAsync(lake, Orders, 1);
        await AppendAsync(lake, Users, 1);

        Assert.Same(At("streaming"), (await OpenAsync(lake, Orders)).Store);
        Assert.Same(Home, (await OpenAsync(lake, Users)).Store);
    }

    [Fact]
    public async Task A_directory_tells_where_a_table_lies_before_anybody_has_asked_for_it()
    {
        using var scratch = new Scratch();
        var (home, place) = (Path.Combine(scratch.Root, "home"), Path.Combine(scratch.Root, "place"));
        await Local().FixAsync(Orders, "a lake", Cancel);
        await Local().FixAsync(TableId.Silver("orders"), "a lake", Cancel);
        Directory.CreateDirectory(Path.Combine(home, "silver/orders__quarantine/_delta_log"));

        var store = Local();

        Assert.Equal(Path.Combine(place, "bronze/events/orders/a.parquet"), store.LocalPath("bronze/events/orders/a.parquet"));
        Assert.Equal(place, store.LocationOf("bronze/events/orders"));
        Assert.Equal(place, store.LocationOf("silver/orders__deleted/a.parquet"));
        Assert.Equal(home, store.LocationOf("silver/orders__quarantine/a.parquet"));
        Assert.Equal((Path.Combine(home, "bronze/app/users"), home), (store.LocalPath("bronze/app/users"), store.LocationOf("bronze/app/users")));

        PlacedStore Local() => new(new LocalObjectStore(home), Said(("bronze/events", "streaming"), ("silver", "streaming")), _ => new LocalObjectStore(place));
    }

    private string[] SilverIn(string store) => [.. At(store).Paths.Where(IsOfTable).Select(path => path.Split('/')[1]).Distinct()];

    private static bool IsOfTable(string path) => !path.StartsWith("_pipeline/", StringComparison.Ordinal);

    private MemoryStore At(string name)
    {
        if (!_stores.TryGetValue(name, out var store)) _stores[name] = store = new MemoryStore();
        return store;
    }

    private Lake Open(params (string Name, string Location)[] said) => new(new PlacedStore(Home, Said(said), location => At(location.Name)), TimeProvider.System);

    private static TablePlaces Said(params (string Name, string Location)[] said) => new(
        TablePlaces.None.Locations.AddRange(((string[])["streaming", "internal"]).Select(name => KeyValuePair.Create(name, new NamedLocation(name, $"/{name}", new S3Options())))),
        TablePlaces.None.ByName.AddRange(said.Select(one => KeyValuePair.Create(one.Name, one.Location))));

    private static async Task<DeltaTable> OpenAsync(Lake lake, TableId table) => (await lake.TryOpenAsync(table, Cancel))!;

    private static async Task AppendAsync(Lake lake, TableId table, long key) =>
        await TestTables.AppendAsync(await lake.OpenOrCreateAsync(table, TestTables.KeyAndText, [], TestTables.NoConfiguration, Cancel), key);

    /// <summary>A store whose tables have their places already, though none of them has a version.</summary>
    private static async Task<PlacedStore> PlacedAsync(Dictionary<string, MemoryStore> stores)
    {
        foreach (var name in (string[])["streaming", "internal"]) stores[name] = new MemoryStore();
        var many = new PlacedStore(stores["home"], Said(("bronze/events", "streaming"), ("bronze/app/users", "internal"), ("silver/orders", "internal")), location => stores[location.Name]);
        foreach (var table in Tables) await many.FixAsync(TableId.Parse(table), "a lake", Cancel);
        foreach (var name in (string[])["streaming", "internal"]) await stores[name].DeleteAsync("_pipeline/owner.json", Cancel);
        return many;
    }

    private static async Task<string> AnswerAsync(IObjectStore store, string path, int kind, byte[] content)
    {
        switch (kind)
        {
            case 0: return $"{await store.PutIfAbsentAsync(path, content, Cancel)}";
            case 1: await store.PutAsync(path, content, Cancel); return "";
            case 2: return await store.TryGetAsync(path, Cancel) is { } found ? Convert.ToHexString(found) : "none";
            case 3: return $"{(await store.TryStatAsync(path, Cancel))?.Size}";
            case 4: await store.DeleteAsync(path, Cancel); return "";
            case 5:
                await using (var upload = await store.OpenUploadAsync(path, Cancel))
                {
                    await upload.Content.WriteAsync(content, Cancel);
                    return $"{await upload.CompleteAsync(Cancel)}";
                }
            default: return await store.TryStatAsync(path, Cancel) is { Size: > 0 and var size } ? Convert.ToHexString(await store.GetRangeAsync(path, size - 1, 1, Cancel)) : "";
        }
    }

    private static async Task<string> PathsAsync(IObjectStore store, string prefix, string? startAt) =>
        string.Join('\n', await store.ListAsync(prefix, startAt, Cancel).Where(found => !found.Path.StartsWith("_pipeline/places/", StringComparison.Ordinal)).Select(found => $"{found.Path} {found.Size}").ToListAsync(Cancel));
}
