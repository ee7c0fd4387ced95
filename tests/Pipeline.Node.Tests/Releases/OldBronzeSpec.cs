using System.Threading.Channels;
using Akka.Actor;
using Akka.Event;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Testing;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Ingest;
using Pipeline.Ingest.Committer;
using Pipeline.Node.Composition;
using Pipeline.Operations.Options;
using Pipeline.Releases;

namespace Pipeline.Node.Tests.Releases;

/// <summary>A Bronze table from before sources said what their columns are.</summary>
public sealed class OldBronzeSpec
{
    private const string Marker = "the end of the log";

    private static readonly TimeSpan Deadline = Deadlines.Test;
    private static readonly TableId Metrics = TableId.Bronze("events", "system_metrics");

    private static readonly SplitId OlderNodesSplit = new("events", "system_metrics/99");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_learns_its_roles_in_one_commit_told_once_while_an_older_node_goes_on_beside_it()
    {
        await using var state = await Release.Of("2026-11").UnpackAsync(Cancel);
        var before = await OpenAsync(state);
        var split = SplitId.Parse(before.Current.Txns.Keys.First(appId => appId.StartsWith("events/system_metrics/", StringComparison.Ordinal)));
        var position = before.Current.Position(split)!.Value;
        var bronze = await BronzeTable.OpenAsync(state.OpenLake(), Metrics, await SchemaAsync(state), Cancel);
        using var system = ActorSystem.Create("old-bronze", "akka { loglevel = INFO, stdout-loglevel = OFF, loggers = [] }");
        var log = Channel.CreateUnbounded<string>();
        system.EventStream.Subscribe(system.ActorOf(Props.Create(() => new Ears(log.Writer))), typeof(Info));
        var committer = CommitterOf(system, state);
        // It has opened the table as it was.
        var olderNodes = CommitterOf(system, state);
        await olderNodes.Ask<PositionsFound>(new GetPositions(Metrics, Tag: 1, [OlderNodesSplit]), Deadline, Cancel);

        var learning = await CommitAsync(committer, split, position, bronze.AddedSchema);
        await CommitAsync(committer, split, position + 1, bronze.AddedSchema);
        await CommitAsync(olderNodes, OlderNodesSplit, from: null, schema: null);
        await CommitAsync(committer, split, position + 2, bronze.AddedSchema);
        await CommitAsync(olderNodes, OlderNodesSplit, 1, schema: null);

        Assert.DoesNotContain(before.Current.Schema.FieldsList, field => BronzeRoles.Of(field) is not null);
        var now = (await OpenAsync(state)).Current;
        var shape = BronzeShape.Of(now.Schema);
        Assert.Equal(("value", ("_partition", "_offset")), (shape.Document, shape.Numbering!.Value));
        Assert.Equal((position + 3, 2), (now.Position(split), now.Position(OlderNodesSplit)));
        Assert.Contains(now.Schema.FieldsList, field => BronzeRoles.Of(field) is not null);
        Assert.Equal(before.Current.FilesByPath.Count + 5, now.FilesByPath.Count);
        Assert.Equal([learning.Version], await SchemaChangesAsync(state, before.Current.Version));
        var told = Assert.Single(await ToldAsync(system, log.Reader), line => line.Contains("now say what they are", StringComparison.Ordinal));
        Assert.StartsWith($"The schema of {Metrics} is another from version {learning.Version} on", told, StringComparison.Ordinal);
        await system.Terminate();

        Task<StageCommitted> CommitAsync(IActorRef by, SplitId of, long? from, byte[]? schema) => by.Ask<StageCommitted>(new StageFiles(Metrics, Guid.NewGuid(),
            [new StagedRange(of, from, (from ?? 0) + 1)], [StagedFile.From(CopyOf(state, before))], Rows: 1, NewestEventAt: null, schema), Deadline, Cancel);
    }

    private static IActorRef CommitterOf(ActorSystem system, ReleaseState state) =>
        system.ActorOf(BronzeCommitterActor.Props(Metrics, state.OpenLake(), new IngestOptions(), OutageWatch.Silent(TimeProvider.System), new IngestMeter(new ByteBudget(1)), TimeProvider.System));

    private static async Task<DeltaTable> OpenAsync(ReleaseState state) => Assert.IsType<DeltaTable>(await state.OpenLake().TryOpenAsync(Metrics, Cancel));

    /// <summary>The table's columns as its source gives them in this release.</summary>
    private static async Task<Apache.Arrow.Schema> SchemaAsync(ReleaseState state)
    {
        var options = PipelineOptions.Load(state.Configuration, SourceKinds.All, lakeLocation: null, _ => null);
        await using var source = options.Sources.Single(source => source.Name == Metrics.Source).Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner()));
        return await source.DescribeAsync(Metrics.Name, Cancel);
    }

    /// <summary>A data file of the table, once more.</summary>
    private static AddFile CopyOf(ReleaseState state, DeltaTable table)
    {
        var file = table.Current.Files.First();
        var path = $"{Path.GetDirectoryName(file.Path)}/part-00000-{Guid.NewGuid()}.c000.snappy.parquet".TrimStart('/');
        File.Copy(Path.Combine(state.LakeDirectory, Metrics.ToString(), file.Path), Path.Combine(state.LakeDirectory, Metrics.ToString(), path));
        return file with { Path = path };
    }

    private static async Task<List<long>> SchemaChangesAsync(ReleaseState state, long after)
    {
        var table = await OpenAsync(state);
        return await table.ChangesAsync(after, table.Current.Version, Cancel).Where(change => change.Actions.OfType<MetadataAction>().Any()).Select(change => change.Version).ToListAsync(Cancel);
    }

    private static async Task<List<string>> ToldAsync(ActorSystem system, ChannelReader<string> log)
    {
        system.EventStream.Publish(new Info("test", typeof(OldBronzeSpec), Marker));
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        deadline.CancelAfter(Deadline);
        return await log.ReadAllAsync(deadline.Token).TakeWhile(line => line != Marker).ToListAsync(deadline.Token);
    }

    private sealed class Ears : ReceiveActor
    {
        public Ears(ChannelWriter<string> log) => Receive<Info>(line => log.TryWrite($"{line.Message}"));
    }
}
