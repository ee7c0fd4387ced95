using Pipeline.Core;

namespace Pipeline.Ingest.Worker;

/// <summary>
/// Up to which moment of their source a worker's tables reflect the splits that it reads: a source says how far a look at a
/// split has come, and the table reflects that look once it has everything below. Not thread-safe.
/// </summary>
/// <param name="table">The worker's own table, by its name in the source.</param>
/// <param name="reader">What the worker is called.</param>
internal sealed class WorkerLooks(ISource source, string table, string reader, TimeProvider time)
{
    public static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(2);

    private readonly Dictionary<(TableId Table, SplitId Split), Seen> _seen = [];

    /// <summary>Looks, and says of each table what is known now.</summary>
    public IEnumerable<BronzeLooked> Tell(IngestWorkerState state)
    {
        var isReading = state.Phase is WorkerPhase.Reading or WorkerPhase.Stopping;
        // One that reads again has got over what was last wrong; that its topic is not found any more it has not.
        var fault = state.Halts.Reason ?? (isReading ? state.ListFault : state.LastFault);
        var own = TableId.Bronze(source.Name, table);
        var splits = isReading ? state.Splits : [];
        foreach (var fed in splits.SelectMany(split => split.Tables).Select(name => TableId.Bronze(source.Name, name)).Append(own).Distinct())
        {
            var looks = splits.Where(split => split.Tables.Contains(fed.Name, StringComparer.Ordinal)).Select(split => (Split: split.Id, At: Look(fed, split.Id, state))).Where(look => look.At is not null).ToList();
            var (behind, earliest) = looks.Count == 0 ? (default, SplitLook.ForEver) : looks.MinBy(look => look.At);
            yield return new BronzeLooked(fed, reader, looks.Count, fed == own ? state.Listed : null, state.Versions.GetValueOrDefault(fed, -1),
                earliest == SplitLook.ForEver ? null : (long)Math.Max(0, time.GetElapsedTime(earliest!.Value).TotalMilliseconds), fault)
            {
                Backlog = earliest == SplitLook.ForEver ? null : BacklogOf(fed, behind, state),
                Doubt = DoubtOf(fed, splits),
            };
        }
    }

    private Fault? DoubtOf(TableId fed, IEnumerable<Split> splits) => splits.Where(split => split.Tables.Contains(fed.Name, StringComparer.Ordinal))
        .Select(split => source.DoubtOf(split.Id)).FirstOrDefault(doubt => doubt is not null) is { } doubt ? Fault.Of($"Table {fed}", doubt) : null;

    private SplitBacklog? BacklogOf(TableId fed, SplitId split, IngestWorkerState state) =>
        state.Positions.TryGetValue((fed, split), out var landed) && source.EndOf(split) is { } end ? new SplitBacklog(split, landed, Math.Max(landed, end)) : null;

    /// <summary>The moment that the table reflects the split up to; null: not known.</summary>
    private long? Look(TableId fed, SplitId split, IngestWorkerState state)
    {
        var seen = _seen.GetValueOrDefault((fed, split)) ?? new Seen(null, null);
        var position = state.Positions.TryGetValue((fed, split), out var durable) ? durable : (long?)null;
        // The one that is waited for, so that a table that is always a little behind gets there, then the newest.
        seen = seen.With(seen.Waiting, position);
        if (seen.Waiting is null) seen = seen.With(source.LastLook(split), position);
        _seen[(fed, split)] = seen;
        return seen.Until;
    }

    /// <param name="Until">The moment that the table reflects.</param>
    /// <param name="Waiting">A look of which the table does not have everything yet.</param>
    private sealed record Seen(long? Until, SplitLook? Waiting)
    {
        public Seen With(SplitLook? look, long? position) => look is null || look.At <= Until ? this with { Waiting = null }
            : look.Position is null || look.Position <= position ? new Seen(look.At, null)
            : this with { Waiting = look };
    }
}
