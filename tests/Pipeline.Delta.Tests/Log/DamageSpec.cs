using Pipeline.Core;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Log;

/// <summary>Damage is an error that names the object and the version, and never other rows.</summary>
public sealed class DamageSpec : IDisposable
{
    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.3)]
    [InlineData(0.9)]
    public async Task A_commit_cut_off_anywhere(double kept)
    {
        await TableAsync(commits: 3);
        var commit = LogFile(2, "json");
        var bytes = await File.ReadAllBytesAsync(commit, Cancel);
        await File.WriteAllBytesAsync(commit, bytes[..(int)(bytes.Length * kept)], Cancel);

        await AssertDamagedAsync("00000000000000000002.json", "version 2");
    }

    [Fact]
    public async Task A_commit_cut_off_between_two_lines()
    {
        await TableAsync(commits: 3);
        var commit = LogFile(2, "json");
        var lines = await File.ReadAllLinesAsync(commit, Cancel);
        await File.WriteAllLinesAsync(commit, lines[..^1], Cancel);

        await AssertDamagedAsync("00000000000000000002.json", "has 1 of its 2 actions");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task A_version_that_is_missing(int version)
    {
        await TableAsync(commits: 3);
        File.Delete(LogFile(version, "json"));

        await AssertDamagedAsync($"0000000000000000000{version}.json", $"version {version} of the table is missing");
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_directory_in_place_of_a_commit(int version)
    {
        await TableAsync(commits: 3);
        File.Delete(LogFile(version, "json"));
        Directory.CreateDirectory(LogFile(version, "json"));

        await AssertDamagedAsync($"0000000000000000000{version}.json", $"version {version} of the table is a directory");
    }

    [Fact]
    public async Task A_directory_in_place_of_the_next_commit()
    {
        var table = await TableAsync(commits: 3);
        Directory.CreateDirectory(LogFile(4, "json"));

        var error = await Assert.ThrowsAsync<PipelineException>(async () => await TestTables.AppendAsync(table, 9));

        Assert.Equal(FaultKind.Damaged, error.Kind);
        Assert.Contains("00000000000000000004.json", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("_delta_log/00000000000000000010.checkpoint.parquet")]
    [InlineData("part-")]
    public async Task A_store_that_refuses_is_no_damage_of_what_it_holds(string refused)
    {
        var store = new RefusingStore(new MemoryStore());
        var table = await TestTables.OpenAsync(store);
        for (var key = 1; key <= 12; key++)
        {
            await TestTables.AppendAsync(table, key);
            await table.PendingCheckpoint;
        }

        store.Refuses = refused;
        var told = new LogLines();
        var error = await Assert.ThrowsAsync<PipelineException>(async () =>
        {
            var opened = await DeltaTable.TryOpenAsync(store, "t", TimeProvider.System, told, Cancel);
            await foreach (var batch in TableReader.ReadAsync(opened!, opened!.Current, new ReadOptions(), Cancel)) batch.Dispose();
        });

        Assert.Equal(FaultKind.Unreachable, error.Kind);
        Assert.StartsWith("Object memory:/t/", error.Message, StringComparison.Ordinal);
        Assert.Empty(told.Warnings);
    }

    public static TheoryData<string, string?, bool> DamagedCheckpoints
    {
        get
        {
            var data = new TheoryData<string, string?, bool>();
            foreach (var isOlderOneThere in (bool[])[false, true])
            {
                data.Add("no Parquet file", "cannot be read: Parquet magic bytes not found in footer", isOlderOneThere);
                data.Add("cut off", "cannot be read: Parquet magic bytes not found in footer", isOlderOneThere);
                data.Add("another schema", "cannot be read: it has no column add", isOlderOneThere);
                data.Add("empty", "cannot be read: Parquet file size is 0 bytes", isOlderOneThere);
                // What is no checkpoint at all is none that could be damaged.
                data.Add("a directory", null, isOlderOneThere);
                data.Add("one of two parts", null, isOlderOneThere);
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(DamagedCheckpoints))]
    public async Task A_damaged_checkpoint_stops_nothing_while_commits_or_an_older_one_say_the_same(string damage, string? cause, bool isOlderOneThere)
    {
        var table = await TableAsync(commits: 25);
        if (!isOlderOneThere) File.Delete(LogFile(10, "checkpoint.parquet"));
        else for (var version = 0; version < 10; version++) File.Delete(LogFile(version, "json"));
        Damage(table, LogFile(20, "checkpoint.parquet"), damage);
        var told = new LogLines();

        var opened = await DeltaTable.TryOpenAsync(_scratch.Store(), "t", TimeProvider.System, told, Cancel);
        await DeltaTable.TryOpenAsync(_scratch.Store(), "t", TimeProvider.System, told, Cancel);

        Assert.Equal((25L, 25), (opened!.Current.Version, opened.Current.FilesByPath.Count));
        Assert.Equal(cause is not null, opened.DamagedCheckpoint is not null);
        if (cause is not null) Assert.Contains(cause, Assert.Single(told.Warnings), StringComparison.Ordinal);
        await TestTables.AppendAsync(opened, 26);
        await opened.PendingCheckpoint;
        var again = await DeltaTable.TryOpenAsync(_scratch.Store(), "t", TimeProvider.System, told, Cancel);
        Assert.Equal((26L, 26), (again!.Current.Version, again.Current.FilesByPath.Count));
        Assert.Null(again.DamagedCheckpoint);
    }

    [Theory]
    [InlineData("_last_checkpoint", FaultKind.NotAuthorised)]
    [InlineData("_last_checkpoint", FaultKind.Missing)]
    [InlineData("20.checkpoint.parquet", FaultKind.NotAuthorised)]
    [InlineData("20.checkpoint.parquet", FaultKind.Missing)]
    public async Task What_a_table_can_do_without_may_be_refused(string refused, FaultKind kind)
    {
        await TableAsync(commits: 25);

        var opened = await DeltaTable.TryOpenAsync(new RefusingStore(_scratch.Store()) { Refuses = refused, Kind = kind }, "t", TimeProvider.System, Cancel);

        Assert.Equal((25L, 25), (opened!.Current.Version, opened.Current.FilesByPath.Count));
    }

    [Fact]
    public async Task A_table_whose_commits_are_refused_says_so()
    {
        await TableAsync(commits: 25);

        var refusal = await Assert.ThrowsAsync<PipelineException>(async () =>
            await DeltaTable.TryOpenAsync(new RefusingStore(_scratch.Store()) { Refuses = "_delta_log", Kind = FaultKind.NotAuthorised }, "t", TimeProvider.System, Cancel));

        Assert.Equal(FaultKind.NotAuthorised, refusal.Kind);
    }

    [Fact]
    public async Task A_damaged_checkpoint_that_nothing_replaces_is_the_reason()
    {
        var table = await TableAsync(commits: 12);
        for (var version = 0; version < 10; version++) File.Delete(LogFile(version, "json"));
        Damage(table, LogFile(10, "checkpoint.parquet"), "cut off");

        await AssertDamagedAsync("00000000000000000010.checkpoint.parquet", "the checkpoint of version 10 cannot be read");
    }

    [Fact]
    public async Task A_table_whose_commits_end_before_its_damaged_checkpoint_is_not_taken_for_an_older_one()
    {
        var table = await TableAsync(commits: 20);
        File.Delete(LogFile(20, "json"));
        Damage(table, LogFile(20, "checkpoint.parquet"), "cut off");

        await AssertDamagedAsync("00000000000000000020.checkpoint.parquet", "the checkpoint of version 20 cannot be read");
    }

    private static void Damage(DeltaTable table, string checkpoint, string damage)
    {
        var bytes = File.ReadAllBytes(checkpoint);
        switch (damage)
        {
            case "no Parquet file":
                File.WriteAllText(checkpoint, "not a Parquet file at all");
                break;
            case "cut off":
                File.WriteAllBytes(checkpoint, bytes[..(bytes.Length / 2)]);
                break;
            case "another schema":
                File.Copy(table.Store.LocalPath($"t/{table.Current.Files.First().Path}")!, checkpoint, overwrite: true);
                break;
            case "empty":
                File.WriteAllBytes(checkpoint, []);
                break;
            case "a directory":
                File.Delete(checkpoint);
                Directory.CreateDirectory(checkpoint);
                break;
            case "one of two parts":
                File.Move(checkpoint, checkpoint.Replace(".checkpoint.parquet", ".checkpoint.0000000001.0000000002.parquet", StringComparison.Ordinal));
                break;
        }
    }

    [Fact]
    public async Task A_data_file_that_is_missing()
    {
        var table = await TableAsync(commits: 3);
        var file = table.Current.Files.First();
        File.Delete(table.Store.LocalPath($"t/{file.Path}")!);

        var error = await ReadErrorAsync(table);

        Assert.Contains(file.Path, error.Message, StringComparison.Ordinal);
        Assert.Contains("it is missing, and version 3 of table t needs it", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_file_that_is_another_ones()
    {
        var table = await TableAsync(commits: 3);
        var file = table.Store.LocalPath($"t/{table.Current.Files.First().Path}")!;
        var bytes = await File.ReadAllBytesAsync(file, Cancel);
        await File.WriteAllBytesAsync(file, bytes[..^20], Cancel);

        var error = await ReadErrorAsync(table);

        Assert.Contains("version 3 of table t cannot be read", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hint_that_is_missing_stale_or_nonsense_changes_nothing()
    {
        await TableAsync(commits: 25);
        var hint = Path.Combine(_scratch.Root, "t", "_delta_log", "_last_checkpoint");
        string?[] hints = [null, new string('[', 100), """{"version":1e400}""", """{"version":10,"size":1}""", """{"version":99,"size":1}""", "{", "[]", "", """{"version":"x"}"""];

        foreach (var text in hints)
        {
            if (text is null) File.Delete(hint);
            else await File.WriteAllTextAsync(hint, text, Cancel);
            var table = await DeltaTable.TryOpenAsync(_scratch.Store(), "t", TimeProvider.System, Cancel);

            Assert.Equal((25L, 25), (table!.Current.Version, table.Current.FilesByPath.Count));
        }
    }

    private async Task<DeltaTable> TableAsync(int commits)
    {
        var table = await TestTables.OpenAsync(_scratch.Store());
        for (var key = 1; key <= commits; key++)
        {
            await TestTables.AppendAsync(table, key);
            await table.PendingCheckpoint;
        }

        return table;
    }

    /// <summary>Refuses some of its objects.</summary>
    private sealed class RefusingStore(IObjectStore inner) : StoreDecorator(inner)
    {
        public string? Refuses { get; set; }

        public FaultKind Kind { get; init; } = FaultKind.Unreachable;

        public override ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken) =>
            IsRefused(path) ? throw Refusal(path) : base.GetRangeAsync(path, offset, length, cancellationToken);

        public override ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) =>
            Kind != FaultKind.Unreachable && IsRefused(path) ? throw Refusal(path) : base.TryGetAsync(path, cancellationToken);

        public override ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) =>
            Kind != FaultKind.Unreachable && IsRefused(path) ? throw Refusal(path) : base.TryStatAsync(path, cancellationToken);

        private bool IsRefused(string path) => Refuses is { } refused && path.Contains(refused, StringComparison.Ordinal);

        private PipelineException Refusal(string path) => new(Kind, $"Object {Location}/{path}", "it is refused", "Wait.");
    }

    private string LogFile(long version, string extension) => Path.Combine(_scratch.Root, "t", "_delta_log", $"{version:D20}.{extension}");

    private async Task AssertDamagedAsync(params string[] parts)
    {
        var error = await Assert.ThrowsAsync<PipelineException>(async () =>
            await DeltaTable.TryOpenAsync(_scratch.Store(), "t", TimeProvider.System, Cancel));

        Assert.Equal(FaultKind.Damaged, error.Kind);
        foreach (var part in parts) Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    private static async Task<PipelineException> ReadErrorAsync(DeltaTable table)
    {
        var error = await Assert.ThrowsAsync<PipelineException>(async () =>
        {
            await foreach (var rows in TableReader.ReadAsync(table, table.Current, new ReadOptions(), Cancel)) rows.Dispose();
        });
        Assert.Equal(FaultKind.Damaged, error.Kind);
        return error;
    }
}
