using System.Collections.Immutable;
using Akka.Actor;
using Akka.Hosting;
using Pipeline.Core;
using Pipeline.Delta.Maintenance;
using Pipeline.Ingest.Committer;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>Stages that are too large for one message between nodes.</summary>
public sealed class StageManifestSpec : IDisposable
{
    private static readonly TableId Orders = TableId.Bronze("test", "orders");

    private readonly LakeOracle _oracle = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _oracle.Dispose();

    [Fact]
    public async Task A_stage_beyond_a_frame_is_committed_by_a_committer_on_another_node()
    {
        await using var first = await IngestNode.StartAsync(_oracle.Lake, []);
        // From now on the table's committer is there.
        await ActorRegistry.For(first.System).Get<BronzeCommitters>().Ask<PositionsFound>(new GetPositions(Orders, 1, []), Deadlines.Test, Cancel);
        await using var second = await IngestNode.StartAsync(_oracle.Lake, [], seed: first.Address);
        var committers = ActorRegistry.For(second.System).Get<BronzeCommitters>();
        var stage = Stage(files: 400, columns: 20) with { Lake = await _oracle.Lake.IdAsync(Cancel) };
        Assert.True(IngestMessageSerializer.Write(stage).Length > 1 << 20);
        await _oracle.Lake.OpenOrCreateAsync(Orders, BronzeColumns.TableSchema(new Apache.Arrow.Schema([BronzeColumns.OpField, BronzeColumns.PositionField], null)), [BronzeColumns.IngestDate],
            ImmutableDictionary<string, string>.Empty, Cancel);
        foreach (var file in stage.Files) await _oracle.Lake.Store.PutAsync($"{Orders}/{file.Path}", new byte[file.Size], Cancel);

        var answer = await committers.Ask<object>(await StageManifest.WriteAsync(_oracle.Lake, stage, Cancel), Deadlines.Test, Cancel);

        Assert.Equal(stage.Id, Assert.IsType<StageCommitted>(answer).Id);
        Assert.Equal(400, (await _oracle.FilesAsync(Orders)).Count);
        Assert.Equal(2, await _oracle.PositionAsync(Orders, new SplitId("test", "orders/0")));
    }

    [Fact]
    public async Task A_worker_sends_a_large_stage_by_the_lake_and_leaves_nothing_behind()
    {
        var system = new ScriptedSystem("test").WithTable("orders");
        system.ChunkRows = 1;
        var split = system.AddSplit("orders/0", "orders");
        // One group that can only be committed as a whole, a file for each of its rows.
        system.Append(split, Enumerable.Range(0, 800).Select(i => new ScriptedRecord("orders", $"{i}", EndsGroup: i == 799)));

        await using var node = await IngestNode.StartAsync(_oracle.Lake, [system.Open()], IngestNode.Fast with { FileBytesMax = 1 });
        await node.UntilAsync(status => status.Tables.Any(table => table.Rows == 800));

        Assert.Equal(800, await _oracle.PositionAsync(Orders, split));
        Assert.True((await _oracle.FilesAsync(Orders)).Count > 400);
        await UntilNoManifestAsync();
    }

    [Theory]
    [InlineData(1, 20, false)]
    [InlineData(50, 20, false)]
    [InlineData(400, 20, true)]
    [InlineData(3_000, 0, true)]
    public void Only_what_would_not_fit_goes_by_the_lake(int files, int columns, bool isNeeded)
    {
        var stage = Stage(files, columns);

        Assert.Equal(isNeeded, StageManifest.IsNeeded(stage));
        // Whatever is sent as a message fits with room to spare.
        if (!isNeeded) Assert.InRange(IngestMessageSerializer.Write(stage).Length, 1, StageManifest.MessageBytesMax);
    }

    [Fact]
    public async Task What_is_not_as_its_worker_wrote_it_is_not_read()
    {
        var stage = Stage(files: 10, columns: 2);
        var reference = await StageManifest.WriteAsync(_oracle.Lake, stage, Cancel);
        var path = $"{Orders}/_staged/{stage.Id:D}.json";

        Assert.Equivalent(stage, await StageManifest.ReadAsync(_oracle.Lake, reference, Cancel), strict: true);
        await RefusedAsync(reference with { Sha256 = new string('0', 64) }, "not what its worker wrote");
        await RefusedAsync(reference with { Bytes = reference.Bytes - 1 }, "bytes");
        await RefusedAsync(reference with { Bytes = long.MaxValue }, "bytes");
        await RefusedAsync(reference with { Stage = Guid.NewGuid() }, "not there");
        await RefusedAsync(reference with { Table = TableId.Bronze("test", "others") }, "not there");
        await _oracle.Lake.Store.PutAsync(path.Replace(stage.Id.ToString("D"), Guid.Empty.ToString("D"), StringComparison.Ordinal), IngestMessageSerializer.Write(stage), Cancel);
        await RefusedAsync(reference with { Stage = Guid.Empty }, "another stage's");
    }

    [Fact]
    public async Task A_manifest_that_nobody_decided_is_vacuumed()
    {
        var stage = Stage(files: 10, columns: 2);
        await StageManifest.WriteAsync(_oracle.Lake, stage, Cancel);
        var table = await _oracle.Lake.OpenOrCreateAsync(Orders, new Apache.Arrow.Schema([new Apache.Arrow.Field("id", Apache.Arrow.Types.Int64Type.Default, nullable: true)], null), [],
            ImmutableDictionary<string, string>.Empty, Cancel);

        var kept = await Vacuum.RunAsync(table, new VacuumOptions(), Cancel);
        var gone = await Vacuum.RunAsync(table, new VacuumOptions(TimeSpan.FromTicks(1), AllowsShortRetention: true), Cancel);

        Assert.Empty(kept.Paths);
        Assert.Equal($"_staged/{stage.Id:D}.json", Assert.Single(gone.Paths));
    }

    private static StageFiles Stage(int files, int columns)
    {
        var bounds = string.Join(",", Enumerable.Range(0, columns).Select(column => $"\"column_{column}\":\"2026-03-01T12:30:00.125Z\""));
        var stats = "{\"numRecords\":1000,\"minValues\":{" + bounds + "},\"maxValues\":{" + bounds + "},\"nullCount\":{" + bounds + "}}";
        return new StageFiles(Orders, Guid.NewGuid(), [new StagedRange(new SplitId("test", "orders/0"), null, 2)],
            [.. Enumerable.Range(0, files).Select(_ => new StagedFile($"ingest_date=2026-03-01/part-00000-{Guid.NewGuid()}.c000.snappy.parquet",
                ImmutableDictionary<string, string?>.Empty.Add("_ingest_date", "2026-03-01"), 4_096, DateTimeOffset.UnixEpoch, stats))], files, null, null, "7f1c");
    }

    private async Task RefusedAsync(StageReference reference, string said) =>
        Assert.Contains(said, (await Assert.ThrowsAsync<PipelineException>(async () => await StageManifest.ReadAsync(_oracle.Lake, reference, Cancel))).Message, StringComparison.Ordinal);

    private async Task UntilNoManifestAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        deadline.CancelAfter(Deadlines.Test);
        var directory = Path.Combine(_oracle.Root, Orders.ToString(), "_staged");
        Assert.True(Directory.Exists(directory));
        while (Directory.GetFiles(directory).Length > 0) await Task.Delay(20, deadline.Token);
    }
}
