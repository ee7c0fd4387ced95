using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

public sealed class RebuildVerbSpec : IDisposable
{
    private const string Behind = """
        transform.run-rows-max = 100
              silver { people { from = bronze/app/people, columns { id { type = long }, name { type = string, required = true } }, key = [id] } }
              gold { names { sql = "names.sql", key = [name], materialization = merge } }
        """;

    private static readonly Schema People = new(
    [
        new Field("id", Int64Type.Default, nullable: true), new Field("name", StringType.Default, nullable: true), BronzeColumns.OpField, BronzeColumns.PositionField, BronzeColumns.IngestedAtField,
    ], null);

    private const int KilledBySignal = 137;

    private readonly ScratchDirectory _directory = new("rebuild-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Lake Lake => new(new LocalObjectStore(Path.Combine(_directory, "lake")), TimeProvider.System);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Killed_while_it_builds_and_while_it_switches_it_goes_on_and_ends_with_the_table()
    {
        var config = await ConfigureAsync();
        for (var commit = 0; commit < 12; commit++) await AppendAsync(commit * 100, 100);
        Assert.Equal(ExitCode.Done, (await NodeRun.OfAsync("rebuild", "silver/people", "--with-dependents", "--config", config)).ExitCode);
        var before = await LakeOf("silver/people");
        var gold = await LakeOf("gold/names");

        // While it builds, twice; when the table has been switched and what belongs to it has not; and before its dependents.
        await KilledWhenAsync(config, "silver/people__rebuild/_delta_log", () => Task.FromResult(1L));
        await KilledWhenAsync(config, "silver/people__rebuild/_delta_log", () => Task.FromResult(7L));
        await KilledWhenAsync(config, "silver/people/_delta_log", async () => (await LakeOf("silver/people")).Version + 1);
        var run = await NodeRun.OfAsync("rebuild", "silver/people", "--with-dependents", "--config", config);

        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
        var (after, names) = (await LakeOf("silver/people"), await LakeOf("gold/names"));
        Assert.True(after.Version > before.Version && names.Version > gold.Version);
        Assert.Equal((1080, 1080), (after.RowCount, names.RowCount));
        Assert.Empty(before.FilesByPath.Keys.Intersect(after.FilesByPath.Keys, StringComparer.Ordinal));
        Assert.Null(await Lake.TryOpenAsync(TableId.Silver("people__rebuild"), Cancel));
        var verified = await NodeRun.OfAsync("verify", "--config", config);
        Assert.True(verified.Data.Contains("1,200 = 1,080 in Silver + 120 quarantined", StringComparison.Ordinal), verified.ToString());
    }

    [Fact]
    public async Task What_cannot_be_rebuilt_is_said()
    {
        var config = await ConfigureAsync();

        var bronze = await NodeRun.OfAsync("rebuild", "bronze/app/people", "--config", config);
        var unknown = await NodeRun.OfAsync("rebuild", "silver/nobody", "--config", config);
        var early = await NodeRun.OfAsync("rebuild", "silver/people", "--config", config);

        Assert.NotEqual(ExitCode.Done, bronze.ExitCode);
        Assert.Contains("what a source has brought is made of nothing else", bronze.Messages);
        Assert.Contains("Selector 'silver/nobody': no table has that name.", unknown.Messages);
        Assert.Contains("bronze/app/people, which it is made from, is not there", early.Messages);
    }

    private async Task<string> ConfigureAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "names.sql"), "SELECT name, CAST(COUNT(*) AS BIGINT) AS people FROM silver.people GROUP BY name", Cancel);
        return await RunningNode.ConfigureAsync(_directory, "app { type = kafka, bootstrap = \"127.0.0.1:1\", tables { people { topic = people } } }", Behind);
    }

    /// <summary>The process is gone as soon as a log has reached a version. One that came to its end, as this one stood still meanwhile, is followed by another.</summary>
    private async Task KilledWhenAsync(string config, string log, Func<Task<long>> version)
    {
        for (var attempt = 1; ; attempt++)
        {
            var entry = Path.Combine(_directory, "lake", log, $"{await version():D20}.json");
            await using var process = PipelineProcess.Start(config, ["rebuild", "silver/people", "--with-dependents"]);
            var exit = process.ExitAsync(Cancel);
            while (!File.Exists(entry) && !exit.IsCompleted) await Task.Delay(1, Cancel);
            if (!exit.IsCompleted) process.Kill();
            if (await exit == KilledBySignal) return;
            Assert.True(await exit == ExitCode.Done && attempt < 5, $"It ended before {entry} was there: {process.Log}");
        }
    }

    private async Task<Snapshot> LakeOf(string table) => (await Lake.TryOpenAsync(TableId.Parse(table), Cancel))!.Current;

    /// <summary>One row in ten has no name.</summary>
    private async Task AppendAsync(int from, int count)
    {
        var ids = Enumerable.Range(from, count).ToList();
        var now = new TimestampArray.Builder((TimestampType)BronzeColumns.Timestamp);
        foreach (var _ in ids) now.Append(DateTimeOffset.UnixEpoch);
        var names = new StringArray.Builder();
        foreach (var id in ids) _ = id % 10 == 0 ? names.AppendNull() : names.Append($"name {id}");
        using var rows = new RecordBatch(People,
        [
            new Int64Array.Builder().AppendRange(ids.Select(id => (long)id)).Build(), names.Build(), new StringArray.Builder().AppendRange(ids.Select(_ => "c")).Build(),
            new Int64Array.Builder().AppendRange(ids.Select(id => (long)id)).Build(), now.Build(),
        ], count);
        var table = await Lake.OpenOrCreateAsync(TableId.Bronze("app", "people"), People, [], ImmutableDictionary<string, string>.Empty, Cancel);
        await using var writer = await table.OpenDataFileAsync(People, ImmutableDictionary<string, string?>.Empty, new DataFileOptions(), Cancel);
        writer.Write(rows);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [await writer.CompleteAsync(Cancel)] }, Cancel));
    }
}
