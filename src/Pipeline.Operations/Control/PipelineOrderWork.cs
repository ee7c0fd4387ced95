using Akka.Actor;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Ingest;
using Pipeline.Remoting;
using Pipeline.Operations.Tables;
using Pipeline.Transform;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Graph;

namespace Pipeline.Operations.Control;

/// <summary>Does orders in a running pipeline.</summary>
/// <param name="coordinator">Of Silver and Gold, wherever it is.</param>
internal sealed class PipelineOrderWork(IActorRef coordinator, IReadOnlyList<ISource> sources, Lake lake, TransformGraph graph, TransformOptions options, TimeProvider time) : IOrderWork
{
    /// <summary>The coordinator answers sooner, but for one that is on its way to another node.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public ValueTask TriggerAsync(TableId table, CancellationToken cancellationToken) => TellAsync(table, new TriggerTable(table), cancellationToken);

    public ValueTask CancelAsync(TableId table, CancellationToken cancellationToken) => TellAsync(table, new CancelTable(table), cancellationToken);

    public async ValueTask RebuildAsync(TableId table, CancellationToken cancellationToken) =>
        await RebuildTable.RunAsync(new RebuildTableRequest([table]), graph, options, lake, time, _ => { }, cancellationToken);

    public async ValueTask BackfillAsync(TableId table, CancellationToken cancellationToken) => await GapAcceptance.ReadAgainAsync(lake, table, time, cancellationToken);

    public async ValueTask BackfillAsync(TableId table, IReadOnlyList<SplitPart> parts, bool isInOrder, CancellationToken cancellationToken) => await TableTurns.BeginAsync(lake, table, parts, isInOrder, time, cancellationToken);

    public async ValueTask AcceptGapAsync(TableId table, OrderAim aim, CancellationToken cancellationToken)
    {
        var (gaps, snapshot) = (await GapsAsync(lake, sources, table, cancellationToken), (await lake.TryOpenAsync(table, cancellationToken))?.Current);
        // Of the splits that somebody has looked at: another that has lost something since is another decision.
        var meant = gaps.Where(gap => snapshot is not null && aim.Positions.Any(position => position.AppId == SplitHistory.AppIdOf(gap.Split, snapshot.Histories.EpochOf(gap.Split)))).ToList();
        await GapAcceptance.AcceptAsync(lake, table, meant, time, cancellationToken);
    }

    /// <summary>What a Bronze table and its source do not have in common.</summary>
    public static async Task<IReadOnlyList<SplitGap>> GapsAsync(Lake lake, IReadOnlyList<ISource> sources, TableId table, CancellationToken cancellationToken) =>
        sources.FirstOrDefault(source => source.Name == table.Source) is { } source ? await GapAcceptance.FindAsync(lake, source, table, cancellationToken) : [];

    /// <summary>Where a part of a Bronze table lies at its source.</summary>
    /// <exception cref="PipelineException">Its source has no parts, none is configured, or what was written names none.</exception>
    public static async Task<IReadOnlyList<SplitPart>> LocateAsync(IReadOnlyList<ISource> sources, TableId table, BackfillRange range, CancellationToken cancellationToken) =>
        sources.FirstOrDefault(source => source.Name == table.Source) is IPartSource source ? await source.LocateAsync(table.Name, range.From, range.To, cancellationToken)
            : throw new PipelineException(FaultKind.Invalid, $"Table {table}", "its source cannot say where a part of it lies", "Read all of it again: --full.");

    private async ValueTask TellAsync(TableId table, object order, CancellationToken cancellationToken)
    {
        var answer = await coordinator.TryAskAsync<object>(order, Patience, cancellationToken)
            ?? throw new PipelineException(FaultKind.Unreachable, "The coordinator of Silver and Gold", $"it has not answered within {Patience.TotalSeconds} s", "Look whether a node with the role transform runs.");
        if (answer is UnknownTable) throw new PipelineException(FaultKind.Missing, $"Table {table}", "the node that coordinates does not have it in its configuration", "Start all nodes with the same configuration.");
    }
}
