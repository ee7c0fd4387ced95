using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;

namespace Pipeline.Transform.Jobs;

/// <summary>
/// What the tables behind it have yet to read of a table, or may want to read again: vacuum leaves it there, however long ago the table put
/// it together into other files.
/// </summary>
/// <param name="ChangesAfter">The rows of later commits have not reached every Silver table; null: they have.</param>
/// <param name="Versions">What a run that was cut off between its commits is computed from, once more; and what Gold tables were made from, by which they are proved.</param>
/// <param name="By">The tables that are behind.</param>
/// <remarks>
/// It comes from the lake alone: a Silver table's log says which Bronze version it has taken in, a commit carries the
/// pins of its run, and a run that goes on says what it reads (<see cref="JobReadings"/>).
/// </remarks>
public sealed record PendingReads(long? ChangesAfter, ImmutableSortedSet<long> Versions, ImmutableSortedSet<TableId> By)
{
    public static readonly PendingReads None = new(null, [], ImmutableSortedSet<TableId>.Empty.WithComparer(TableId.ByName));

    /// <summary>Who has asked for nothing for longer than versions are kept: nothing stays for them.</summary>
    public ImmutableSortedSet<TableId> Dropped { get; init; } = ImmutableSortedSet<TableId>.Empty.WithComparer(TableId.ByName);

    /// <summary>By table, for those of which something is to be read.</summary>
    /// <param name="readers">Tables of Silver and Gold that exist, also those that are no contract's own.</param>
    /// <exception cref="PipelineException">What one of them has read cannot be found out.</exception>
    public static ValueTask<ImmutableDictionary<TableId, PendingReads>> FindAsync(OpenTables tables, IEnumerable<TableId> readers, DateTimeOffset now, CancellationToken cancellationToken) =>
        FindAsync(tables, readers, now, (_, cause) => throw cause, cancellationToken);

    /// <inheritdoc cref="FindAsync(OpenTables, IEnumerable{TableId}, DateTimeOffset, CancellationToken)"/>
    /// <param name="onUnreadable">Told of the tables of which it cannot be found out what they have read: see <see cref="AndUnknown"/>.</param>
    public static async ValueTask<ImmutableDictionary<TableId, PendingReads>> FindAsync(OpenTables tables, IEnumerable<TableId> readers, DateTimeOffset now,
        Action<TableId, PipelineException> onUnreadable, CancellationToken cancellationToken)
    {
        var found = ImmutableDictionary<TableId, PendingReads>.Empty;
        foreach (var id in readers)
        {
            try
            {
                await FindOfAsync(id);
            }
            catch (PipelineException e)
            {
                onUnreadable(id, e);
            }
        }

        foreach (var run in await JobReadings.FindAsync(tables.Lake.Store, now, cancellationToken)) AddRun(run, run.Table);
        return found;

        async ValueTask FindOfAsync(TableId id)
        {
            if (await tables.TryOpenAsync(id, cancellationToken) is not { } table) return;
            var taken = TakenIn(table);
            if (taken.IsEmpty) return;

            foreach (var (read, readId, version) in taken)
            {
                // One that cannot be read loses no file, and is told where it is looked at itself.
                if (await TryReadAsync(read) is not { } input || (readId ?? input.Current.Metadata.Id) != input.Current.Metadata.Id || input.Current.Version <= version) continue;
                // It has left the configuration, or stands still for good: whoever wants it again has it made from the whole table.
                if (Retentions.HasPassed(input.Current, table.Current.CommittedAt, now)) found = found.SetItem(read, found.GetValueOrDefault(read, None) is var reads ? reads with { Dropped = reads.Dropped.Add(id) } : None);
                else if (id.Layer == Layer.Gold) Add(read, known => known with { Versions = known.Versions.Add(version) }, by: null);
                else Add(read, known => known.After(version), id);
            }

            if (id.Layer == Layer.Gold) return;
            if (await RunHistory.UnfinishedAsync(tables, id, table, cancellationToken) is not { } run) return;

            AddRun(run, id);
        }

        void AddRun(JobPins run, TableId by)
        {
            foreach (var input in run.Inputs) Add(input.Table, reads => reads.Again(input), by);
            foreach (var target in run.Targets.Where(target => target.Version is not null))
                Add(target.Table, reads => reads with { Versions = reads.Versions.Add(target.Version!.Value) }, by);
        }

        async ValueTask<DeltaTable?> TryReadAsync(TableId read)
        {
            try
            {
                return await tables.TryOpenAsync(read, cancellationToken);
            }
            catch (PipelineException e) when (!e.IsTransient)
            {
                return null;
            }
        }

        void Add(TableId read, Func<PendingReads, PendingReads> more, TableId? by)
        {
            var reads = more(found.GetValueOrDefault(read, None));
            found = found.SetItem(read, by is null ? reads : reads with { By = reads.By.Add(by) });
        }
    }

    /// <summary>The versions of other tables that a table is made of: of Silver the Bronze ones, whose commits it takes one after the other.</summary>
    private static ImmutableArray<Reflected> TakenIn(DeltaTable reader) =>
        [.. Reflected.AllOf(reader.Current).Where(read => read.Table.Layer == Layer.Bronze || !reader.Path.StartsWith("silver/", StringComparison.Ordinal))];

    /// <summary>Also what a table may have yet to read of which nobody can say what it has: everything that is still told.</summary>
    public PendingReads AndUnknown(TableId reader) => this with { ChangesAfter = -1, By = By.Add(reader) };

    private PendingReads After(long version) => this with { ChangesAfter = Math.Min(version, ChangesAfter ?? version) };

    /// <summary>A run reads its Bronze table from where the one before had ended, everything else as a whole.</summary>
    private PendingReads Again(PinnedInput input) => input.After is { } after && input.Table.Layer == Layer.Bronze
        ? After(after)
        : this with { Versions = Versions.Add(input.Version) };
}
