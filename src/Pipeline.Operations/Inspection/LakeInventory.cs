using System.Runtime.CompilerServices;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Operations.Inspection;

/// <summary>Finds the tables that exist in a lake, whatever the configuration says.</summary>
public static class LakeInventory
{
    /// <summary>Tables by layer, then by name. Costs one listing a table, however many files the tables have.</summary>
    public static IAsyncEnumerable<TableId> TablesAsync(Lake lake, CancellationToken cancellationToken) => TableListing.TablesAsync(lake.Store, cancellationToken);

    /// <exception cref="PipelineException">There is no such table: says which is the nearest.</exception>
    public static async Task<DeltaTable> OpenAsync(Lake lake, TableId table, CancellationToken cancellationToken) =>
        await lake.TryOpenAsync(table, cancellationToken) ?? throw await MissingAsync(lake, table, cancellationToken);

    /// <summary>A table of that name is there; whether it can be read is another question.</summary>
    /// <exception cref="PipelineException">There is no such table: says which is the nearest.</exception>
    public static async Task RequireAsync(Lake lake, TableId table, CancellationToken cancellationToken)
    {
        if (!await TableListing.HasAsync(lake.Store, table.ToString(), cancellationToken)) throw await MissingAsync(lake, table, cancellationToken);
    }

    /// <summary>The given tables, or all of the lake, each opened or with what keeps it from being: one says nothing about the others.</summary>
    /// <exception cref="PipelineException">The lake itself cannot be listed.</exception>
    public static async IAsyncEnumerable<FoundTable> FindAsync(Lake lake, IReadOnlyCollection<TableId>? tables, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var id in (tables is { Count: > 0 } ? tables.ToAsyncEnumerable() : TablesAsync(lake, cancellationToken)).WithCancellation(cancellationToken))
        {
            var (table, failed) = await TryAsync(id, () => OpenAsync(lake, id, cancellationToken));
            yield return new FoundTable(id, table, failed);
        }
    }

    /// <summary>What is done with one table, or why it was not.</summary>
    public static async Task<(T? Result, FailedTable? Failed)> TryAsync<T>(TableId table, Func<Task<T>> work)
        where T : class
    {
        try
        {
            return (await work(), null);
        }
        catch (PipelineException e)
        {
            return (null, new FailedTable(table, Fault.Of(e.Thing, e)));
        }
    }

    private static async Task<PipelineException> MissingAsync(Lake lake, TableId table, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        await foreach (var other in TablesAsync(lake, cancellationToken)) names.Add(other.ToString());
        return new PipelineException(FaultKind.Missing, $"Table {table}", $"the lake {lake.Store.Location} has no such table",
            names.Count == 0
                ? "The lake is empty: choose another with --lake."
                : $"See 'pipeline tables' for those it has{SettingsReader.Nearest(table.ToString(), names)}");
    }
}

/// <summary>A table of a lake.</summary>
/// <param name="Table">Null: it cannot be read, and <paramref name="Failed"/> says why.</param>
public sealed record FoundTable(TableId Id, DeltaTable? Table, FailedTable? Failed);

/// <summary>A table of which a verb's work could not be done.</summary>
public sealed record FailedTable(TableId Table, Fault Fault);
