using System.Collections.Immutable;
using System.Diagnostics;
using Akka.Actor;
using Akka.Hosting;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Ingest.Committer;

namespace Pipeline.Benchmarks;

/// <summary>
/// What exactly-once is compared with: commits the same files at the same pace, without positions and so without comparing
/// them. Where splits stand is only remembered.
/// </summary>
internal sealed class PositionlessCommitterActor : ReceiveActor
{
    private readonly Lake _lake;
    private readonly TimeSpan _commitInterval;
    private readonly Dictionary<TableId, DeltaTable> _tables = [];
    private readonly Dictionary<(TableId Table, SplitId Split), long> _positions = [];
    private long? _committedAt;

    public PositionlessCommitterActor(Lake lake, TimeSpan commitInterval)
    {
        _lake = lake;
        _commitInterval = commitInterval;
        ReceiveAsync<GetPositions>(AnswerAsync);
        ReceiveAsync<StageFiles>(CommitAsync);
    }

    private async Task AnswerAsync(GetPositions question)
    {
        var sender = Sender;
        var table = await FindAsync(question.Table);
        sender.Tell(new PositionsFound(question.Table, question.Tag, table?.Current.Version ?? -1, ImmutableDictionary.CreateRange(
            question.Splits.Where(split => _positions.ContainsKey((question.Table, split))).Select(split => KeyValuePair.Create(split, _positions[(question.Table, split)])))));
    }

    private async Task CommitAsync(StageFiles stage)
    {
        var sender = Sender;
        var table = await FindAsync(stage.Table) ?? throw new InvalidOperationException($"There is no table {stage.Table}.");
        if (_committedAt is { } last && _commitInterval - Stopwatch.GetElapsedTime(last) is var left && left > TimeSpan.Zero) await Task.Delay(left);
        _committedAt = Stopwatch.GetTimestamp();
        var result = await table.CommitAsync(BronzeCommitterActor.TransactionOf([stage]) with { Moves = [] }, CancellationToken.None);
        if (result is not CommitResult.Committed committed) throw new InvalidOperationException($"The commit ended as {result}.");
        foreach (var range in stage.Ranges) _positions[(stage.Table, range.Split)] = range.To;
        sender.Tell(new StageCommitted(stage.Id, stage.Table, committed.Snapshot.Version, TimeProvider.System.GetUtcNow()));
    }

    private async Task<DeltaTable?> FindAsync(TableId name)
    {
        if (_tables.TryGetValue(name, out var known)) return known;
        if (await _lake.TryOpenAsync(name, CancellationToken.None) is { } table) _tables.Add(name, table);
        return _tables.GetValueOrDefault(name);
    }
}

internal static class PositionlessCommitterRegistration
{
    public static AkkaConfigurationBuilder WithPositionlessCommitter(this AkkaConfigurationBuilder builder, Lake lake, TimeSpan commitInterval) =>
        builder.WithActors((system, registry) => registry.Register<BronzeCommitters>(
            system.ActorOf(Props.Create(() => new PositionlessCommitterActor(lake, commitInterval)), "positionless-committer")));
}
