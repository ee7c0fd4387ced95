using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Transform.Jobs;

/// <summary>
/// What Silver has yet to read of a table: vacuum leaves it there, however long ago the table put it together into
/// other files.
/// </summary>
/// <param name="ChangesAfter">The rows of later commits have not reached every Silver table; null: they have.</param>
/// <param name="Versions">What a run that was cut off between its commits is computed from, once more.</param>
/// <param name="By">The Silver tables that are behind.</param>
/// <remarks>
/// It comes from the lake alone: a Silver table's log says which Bronze version it has taken in, and a commit carries the
/// pins of its run. A run that has not committed anything to its table is not known here and need not be: what it reads of
/// Bronze is what the table has not taken in, and where it finds files of other tables gone, it fails and is planned anew.
/// </remarks>
public sealed record PendingReads(long? ChangesAfter, ImmutableSortedSet<long> Versions, ImmutableSortedSet<TableId> By)
{
    public static readonly PendingReads None = new(null, [], ImmutableSortedSet<TableId>.Empty.WithComparer(TableId.ByName));

    /// <summary>By table, for those of which something is to be read.</summary>
    /// <param name="silver">Tables of the layer that exist, also those that are no contract's own.</param>
    /// <exception cref="PipelineException">What one of them has read cannot be found out.</exception>
    public static ValueTask<ImmutableDictionary<TableId, PendingReads>> FindAsync(OpenTables tables, IEnumerable<TableId> silver, CancellationToken cancellationToken) =>
        FindAsync(tables, silver, (_, cause) => throw cause, cancellationToken);

    /// <inheritdoc cref="FindAsync(OpenTables, IEnumerable{TableId}, CancellationToken)"/>
    /// <param name="onUnreadable">Told of the tables of which it cannot be found out what they have read: see <see cref="AndUnknown"/>.</param>
    public static async ValueTask<ImmutableDictionary<TableId, PendingReads>> FindAsync(OpenTables tables, IEnumerable<TableId> silver,
        Action<TableId, PipelineException> onUnreadable, CancellationToken cancellationToken)
    {
        var found = ImmutableDictionary<TableId, PendingReads>.Empty;
        foreach (var id in silver)
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

        return found;

        async ValueTask FindOfAsync(TableId id)
        {
            if (await tables.TryOpenAsync(id, cancellationToken) is not { } table) return;
            var taken = TakenIn(table);
            if (taken.IsEmpty) return;

            foreach (var (bronze, version) in taken)
                if (await tables.TryOpenAsync(bronze, cancellationToken) is { } input && input.Current.Version > version) Add(bronze, reads => reads.After(version), id);
            if (await RunHistory.UnfinishedAsync(tables, id, table, cancellationToken) is not { } run) return;

            foreach (var input in run.Inputs) Add(input.Table, reads => reads.Again(input), id);
            foreach (var target in run.Targets.Where(target => target.Version is not null))
                Add(target.Table, reads => reads with { Versions = reads.Versions.Add(target.Version!.Value) }, id);
        }

        void Add(TableId read, Func<PendingReads, PendingReads> more, TableId by)
        {
            var reads = more(found.GetValueOrDefault(read, None));
            found = found.SetItem(read, reads with { By = reads.By.Add(by) });
        }
    }

    /// <summary>The Bronze versions that a table reflects; only a contract's own table has any.</summary>
    private static ImmutableArray<(TableId Bronze, long Version)> TakenIn(DeltaTable silver) =>
        [.. silver.Current.Txns.Values.Where(txn => txn.AppId.StartsWith("bronze/", StringComparison.Ordinal)).Select(txn => (TableId.Parse(txn.AppId), txn.Version))];

    /// <summary>Also what a table may have yet to read of which nobody can say what it has: everything that is still told.</summary>
    public PendingReads AndUnknown(TableId reader) => this with { ChangesAfter = -1, By = By.Add(reader) };

    private PendingReads After(long version) => this with { ChangesAfter = Math.Min(version, ChangesAfter ?? version) };

    /// <summary>A run reads its Bronze table from where the one before had ended, everything else as a whole.</summary>
    private PendingReads Again(PinnedInput input) => input.After is { } after && input.Table.Layer == Layer.Bronze
        ? After(after)
        : this with { Versions = Versions.Add(input.Version) };
}
