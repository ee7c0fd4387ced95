using Pipeline.Delta.Log;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Table;

namespace Pipeline.Delta.Tests.Maintenance;

/// <summary>Clean-up asks the tables that are made of a log's commits before it removes one.</summary>
public sealed class LogCleanupSpec : IDisposable
{
    private const string Bronze = "bronze/app/users";

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Commits_that_a_table_has_yet_to_read_stay_and_it_is_named()
    {
        var bronze = await TwelveVersionsAsync();
        await ReadsAsync("silver/users", Bronze, 3);
        await ReadsAsync("gold/totals", "silver/users", 1);

        var cleaned = await LogCleanup.RunAsync(bronze.Handle, bronze.Current, Cancel);

        Assert.Equal((0, "silver/users"), (cleaned.Deleted, Assert.Single(cleaned.Held).Reader.ToString()));
        Assert.NotNull(await bronze.TryReadCommitAsync(4, Cancel));
    }

    [Fact]
    public async Task A_table_that_has_read_what_is_old_holds_nothing_back_also_when_it_says_whose_version_it_read()
    {
        var bronze = await TwelveVersionsAsync();
        await ReadsAsync("silver/users", $"{Bronze}#{bronze.Current.Metadata.Id}", 8);

        var cleaned = await LogCleanup.RunAsync(bronze.Handle, bronze.Current, Cancel);

        Assert.NotEqual(0, cleaned.Deleted);
        Assert.Empty(cleaned.Held);
        Assert.NotNull(await bronze.TryReadCommitAsync(9, Cancel));
    }

    [Fact]
    public async Task A_table_that_has_asked_for_nothing_for_longer_than_versions_are_kept_holds_nothing_back_and_is_said()
    {
        var bronze = await TwelveVersionsAsync();
        await ReadsAsync("silver/users", Bronze, 3, TimeSpan.FromDays(30));

        var cleaned = await LogCleanup.RunAsync(bronze.Handle, bronze.Current, Cancel);

        Assert.NotEqual(0, cleaned.Deleted);
        Assert.Equal("silver/users", Assert.Single(cleaned.Dropped).Reader.ToString());
    }

    [Fact]
    public async Task Of_a_table_that_cannot_be_read_nobody_says_that_it_needs_nothing()
    {
        var bronze = await TwelveVersionsAsync();
        await ReadsAsync("silver/users", Bronze, 8);
        await File.WriteAllTextAsync(Path.Combine(_scratch.Root, "silver/users/_delta_log", $"{1:D20}.json"), "{", Cancel);

        Assert.Equal(0, (await LogCleanup.RunAsync(bronze.Handle, bronze.Current, Cancel)).Deleted);
    }

    [Theory]
    [InlineData("bronze")]
    [InlineData("silver")]
    [InlineData("bronze", "silver")]
    public async Task Commits_that_a_table_has_yet_to_read_stay_wherever_the_two_lie(params string[] elsewhere)
    {
        var store = await PlacedAsync(elsewhere);
        var bronze = await TwelveVersionsAsync(store);
        await ReadsAsync("silver/users", Bronze, 3, store: store);

        var cleaned = await LogCleanup.RunAsync(bronze.Handle, bronze.Current, Cancel);

        Assert.Equal((0, "silver/users"), (cleaned.Deleted, Assert.Single(cleaned.Held).Reader.ToString()));
        Assert.NotNull(await bronze.TryReadCommitAsync(4, Cancel));
    }

    [Fact]
    public async Task A_table_whose_place_has_gone_away_is_not_one_that_needs_nothing()
    {
        var store = await PlacedAsync("silver");
        var bronze = await TwelveVersionsAsync(store);
        await ReadsAsync("silver/users", Bronze, 3, store: store);
        Directory.Move(Path.Combine(_scratch.Root, "other"), Path.Combine(_scratch.Root, "unmounted"));

        var cleaned = await LogCleanup.RunAsync(bronze.Handle, bronze.Current, Cancel);

        Assert.Equal((0, "silver/users"), (cleaned.Deleted, Assert.Single(cleaned.Held).Reader.ToString()));
    }

    [Fact]
    public async Task A_table_whose_place_no_configuration_has_any_more_is_not_one_that_needs_nothing()
    {
        var store = await PlacedAsync("silver");
        await TwelveVersionsAsync(store);
        await ReadsAsync("silver/users", Bronze, 3, store: store);
        var bronze = (await DeltaTable.TryOpenAsync(new LocalObjectStore(Path.Combine(_scratch.Root, "home")), Bronze, TimeProvider.System, Cancel))!;

        var cleaned = await LogCleanup.RunAsync(bronze.Handle, bronze.Current, Cancel);

        Assert.Equal((0, "silver/users"), (cleaned.Deleted, Assert.Single(cleaned.Held).Reader.ToString()));
    }

    [Fact]
    public async Task A_clock_that_is_a_year_ahead_of_the_store_s_removes_nothing()
    {
        var bronze = await TwelveVersionsAsync(isOld: false);
        var ahead = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(TimeProvider.System.GetUtcNow() + TimeSpan.FromDays(365));
        var opened = (await DeltaTable.TryOpenAsync(_scratch.Store(), Bronze, ahead, Cancel))!;

        Assert.Equal(0, (await LogCleanup.RunAsync(opened.Handle, opened.Current, Cancel)).Deleted);
    }

    /// <summary>A lake with tables that are to be made elsewhere.</summary>
    private async Task<PlacedStore> PlacedAsync(params string[] elsewhere)
    {
        var places = new TablePlaces(TablePlaces.None.Locations.Add("other", new NamedLocation("other", Path.Combine(_scratch.Root, "other"), new S3Options())), TablePlaces.None.ByName.AddRange(elsewhere.Select(name => KeyValuePair.Create(name, "other"))));
        var store = new PlacedStore(new LocalObjectStore(Path.Combine(_scratch.Root, "home")), places, location => new LocalObjectStore(location.Address));
        foreach (var table in (string[])[Bronze, "silver/users"]) await store.FixAsync(Core.TableId.Parse(table), "a lake", Cancel);
        return store;
    }

    /// <summary>A table with checkpoints at 5 and 10, whose first eight versions are older than it keeps them.</summary>
    private async Task<DeltaTable> TwelveVersionsAsync(IObjectStore? store = null, bool isOld = true)
    {
        var table = await TestTables.OpenAsync(store ?? _scratch.Store(), Bronze, TimeProvider.System,
            configuration: new Dictionary<string, string> { ["delta.checkpointInterval"] = "5", ["delta.logRetentionDuration"] = "interval 10 days" });
        for (var key = 1; key <= 12; key++)
        {
            await TestTables.AppendAsync(table, key);
            await table.PendingCheckpoint;
        }

        foreach (var file in Directory.GetFiles(table.Store.LocalPath($"{Bronze}/_delta_log")!, "0*"))
            if (isOld && long.Parse(Path.GetFileName(file)[..20]) < 8) File.SetLastWriteTimeUtc(file, TimeProvider.System.GetUtcNow().UtcDateTime - TimeSpan.FromDays(20));
        return table;
    }

    /// <param name="ago">When it did so.</param>
    private async Task ReadsAsync(string reader, string of, long version, TimeSpan ago = default, IObjectStore? store = null)
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(TimeProvider.System.GetUtcNow() - ago);
        var table = await TestTables.OpenAsync(store ?? _scratch.Store(), reader, time);
        await TestTables.CommittedAsync(table, new Transaction("MERGE", Isolation.ReadTable) { ReadVersion = table.Current.Version, Moves = [new TxnMove(of, null, version)] });
    }
}
