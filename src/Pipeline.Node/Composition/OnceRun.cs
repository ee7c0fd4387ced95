using Akka.Actor;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Remoting;
using Pipeline.Transform.Coordination;
using IngestStatusOfTable = Pipeline.Ingest.TableStatus;
using TableStatus = Pipeline.Transform.Coordination.TableStatus;

namespace Pipeline.Node.Composition;

/// <summary>
/// Has a node bring tables up to what their sources held when it started: waits until that has landed, has it read no further, and waits until
/// the Silver and Gold tables have nothing left to do. What it waits for it asks the node's own actors.
/// </summary>
/// <param name="wanted">The tables, of all layers.</param>
/// <param name="landed">Made before the node was started.</param>
internal sealed class OnceRun(NodeHost node, IReadOnlyList<TableId> wanted, LandedTables landed, TimeProvider time)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>How long an actor may take to answer before it is asked again: one that was started anew has forgotten the question.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Called now and then while it waits.</summary>
    public Func<CancellationToken, Task> OnLook { get; init; } = _ => Task.CompletedTask;

    /// <summary>Called when all that it reads has landed.</summary>
    public Func<CancellationToken, Task> OnLanded { get; init; } = _ => Task.CompletedTask;

    private IActorRef Monitor => node.Actors.Get<IngestMonitorActor>();

    private IActorRef Coordinator => node.Actors.Get<MedallionCoordinatorActor>();

    /// <returns>Why tables are halted or stopped, a line for each reason; empty: none is.</returns>
    public async Task<IReadOnlyList<string>> RunAsync(CancellationToken cancellationToken)
    {
        node.System.ActorOf(Props.Create(() => new LandingActor(landed)), "landing");
        var halted = await LandAsync(cancellationToken);
        await AnswerAsync<NodeDrained>(Monitor, new DrainNode(), cancellationToken);
        await OnLanded(cancellationToken);
        var stopped = await MakeAsync(cancellationToken);
        await AnswerAsync<LakeTold>(Coordinator, new TellLake(), cancellationToken);
        return [.. halted.Concat(stopped).Distinct(StringComparer.Ordinal)];
    }

    private async Task<IEnumerable<string>> LandAsync(CancellationToken cancellationToken)
    {
        var bronze = wanted.Where(table => table.Layer == Layer.Bronze).ToList();
        using var pulse = new PeriodicTimer(LookEvery, time);
        while (true)
        {
            var status = await AnswerAsync<IngestStatus>(Monitor, new GetIngestStatus(), cancellationToken);
            var halted = status.Tables.Where(table => table.State is IngestState.Halted or IngestState.Paused && bronze.Contains(table.Table)).ToDictionary(table => table.Table);
            if (bronze.TrueForAll(table => landed.Has(table) || halted.ContainsKey(table))) return halted.Values.Select(WordsOf);
            await OnLook(cancellationToken);
            await pulse.WaitForNextTickAsync(cancellationToken);
        }
    }

    /// <summary>Until every table was looked at when nothing it is made from could advance any more, and none had anything to do.</summary>
    private async Task<IEnumerable<string>> MakeAsync(CancellationToken cancellationToken)
    {
        var made = wanted.Where(table => table.Layer != Layer.Bronze).ToHashSet();
        if (made.Count == 0) return [];
        IReadOnlyList<TableStatus>? before = null;
        while (true)
        {
            IReadOnlyList<TableStatus> now = [];
            foreach (var layer in (Layer[])[Layer.Silver, Layer.Gold])
            {
                foreach (var table in made.Where(table => table.Layer == layer && before?.Any(known => known.Table == table && known.Activity == TableActivity.Stopped) != true))
                    await AnswerAsync<Accepted>(Coordinator, new TriggerTable(table), cancellationToken);
                now = await SettleAsync(made, cancellationToken);
            }

            if (before is not null && now.All(table => before.Single(known => known.Table == table.Table).Run == table.Run)) return now.Select(WordsOf).OfType<string>();
            before = now;
        }
    }

    private async Task<IReadOnlyList<TableStatus>> SettleAsync(HashSet<TableId> made, CancellationToken cancellationToken)
    {
        using var pulse = new PeriodicTimer(LookEvery, time);
        while (true)
        {
            var status = await AnswerAsync<MedallionStatus>(Coordinator, new GetMedallionStatus(), cancellationToken);
            List<TableStatus> tables = [.. status.Tables.Where(table => made.Contains(table.Table))];
            if (tables.TrueForAll(table => table.Activity is TableActivity.Current or TableActivity.Stopped or TableActivity.Paused)) return tables;
            await OnLook(cancellationToken);
            await pulse.WaitForNextTickAsync(cancellationToken);
        }
    }

    private static string WordsOf(IngestStatusOfTable table) => table.State == IngestState.Paused
        ? $"Table {table.Table}: it is paused. Let it go on, and run again."
        : (table.LastFault ?? new Fault(FaultKind.Invalid, $"Table {table.Table}", "it is halted", "Look in the log for why.")).ToString();

    private static string? WordsOf(TableStatus table) => table.Activity switch
    {
        TableActivity.Stopped => table.Error ?? $"Table {table.Table}: it is stopped. Look in the log for why.",
        TableActivity.Paused => $"Table {table.Table}: it is paused. Let it go on, and run again.",
        _ => null,
    };

    private static async Task<T> AnswerAsync<T>(IActorRef actor, object question, CancellationToken cancellationToken)
        where T : class
    {
        while (true)
            if (await actor.TryAskAsync<T>(question, Patience, cancellationToken) is { } answer) return answer;
    }
}
