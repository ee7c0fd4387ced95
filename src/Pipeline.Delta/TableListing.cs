using System.Runtime.CompilerServices;
using Pipeline.Core;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta;

/// <summary>The tables that are in a lake, whatever any configuration says.</summary>
public static class TableListing
{
    private static readonly string[] Layers = ["bronze", "silver", "gold"];

    /// <summary>
    /// Tables by layer, then by name; those too that lie where nobody says how to reach them, which is told when they are opened. Costs one
    /// listing a table, however many files the tables have, and one more.
    /// </summary>
    public static async IAsyncEnumerable<TableId> TablesAsync(IObjectStore store, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (store is PlacedStore placed)
        {
            foreach (var table in await PlacedAsync(placed, cancellationToken)) yield return table;
        }
        else if (await ElsewhereAsync(store, cancellationToken) is { Count: > 0 } elsewhere)
        {
            foreach (var table in Ordered((await OwnAsync(store, cancellationToken).ToListAsync(cancellationToken)).Union(elsewhere.Select(TableId.Parse)))) yield return table;
        }
        else
        {
            await foreach (var table in OwnAsync(store, cancellationToken)) yield return table;
        }
    }

    /// <summary>The tables that are in the store itself.</summary>
    private static async IAsyncEnumerable<TableId> OwnAsync(IObjectStore store, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var layer in Layers)
        {
            // Layer, then source in Bronze, then table.
            var depth = layer == "bronze" ? 3 : 2;
            string? startAt = null;
            while (await FirstAsync(store, $"{layer}/", startAt, cancellationToken) is { } path)
            {
                var parts = path.Split('/');
                if (parts.Length <= depth)
                {
                    startAt = path + "\0";
                    continue;
                }

                var directory = string.Join('/', parts[..depth]);
                if (await HasLogAsync(store, directory, cancellationToken)) yield return TableId.Parse(directory);
                // '0' follows '/': the first path that is not below the directory.
                startAt = directory + "0";
            }
        }
    }

    /// <summary>Whether a table of that name is there; whether it can be read is another question.</summary>
    /// <exception cref="PipelineException">The store fails, or the table lies where nobody says how to reach it, or in a location that has lost what it had.</exception>
    public static async ValueTask<bool> HasAsync(IObjectStore store, string directory, CancellationToken cancellationToken)
    {
        if (await HasLogAsync(store, directory, cancellationToken)) return true;
        if (store is PlacedStore placed) await placed.RequireThereAsync(directory, cancellationToken);
        else await TablePlace.RequireNoneAsync(store, directory, cancellationToken);
        return false;
    }

    private static async ValueTask<bool> HasLogAsync(IObjectStore store, string directory, CancellationToken cancellationToken) =>
        await FirstAsync(store, $"{directory}/_delta_log/", startAt: null, cancellationToken) is not null;

    /// <summary>A location that is away hides no table of its own, and none of others: each is told when it is opened.</summary>
    private static async ValueTask<IReadOnlyList<TableId>> PlacedAsync(PlacedStore store, CancellationToken cancellationToken)
    {
        var elsewhere = new HashSet<string>(await store.ElsewhereAsync(cancellationToken), StringComparer.Ordinal);
        var tables = new List<TableId>();
        await foreach (var table in OwnAsync(store.Home, cancellationToken))
            if (!elsewhere.Contains(table.ToString())) tables.Add(table);
        foreach (var directory in elsewhere)
            if (await MayHaveAsync(store, directory, cancellationToken)) tables.Add(TableId.Parse(directory));
        return [.. Ordered(tables)];
    }

    /// <summary>What a store that knows no locations is told to be elsewhere, and what nobody can read of it.</summary>
    private static async ValueTask<IReadOnlyList<string>> ElsewhereAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        var elsewhere = new List<string>();
        foreach (var directory in await TablePlace.DirectoriesAsync(store, cancellationToken))
        {
            try
            {
                if (await TablePlace.TryReadAsync(store, directory, cancellationToken) is { IsElsewhere: true }) elsewhere.Add(directory);
            }
            catch (PipelineException e) when (e.Kind == FaultKind.Damaged)
            {
                elsewhere.Add(directory);
            }
        }

        return elsewhere;
    }

    private static IEnumerable<TableId> Ordered(IEnumerable<TableId> tables) => tables.OrderBy(table => table.Layer).ThenBy(table => $"{table}/", StringComparer.Ordinal);

    private static async ValueTask<bool> MayHaveAsync(PlacedStore store, string directory, CancellationToken cancellationToken)
    {
        try
        {
            return await HasAsync(store, directory, cancellationToken);
        }
        catch (PipelineException)
        {
            return true;
        }
    }

    private static async ValueTask<string?> FirstAsync(IObjectStore store, string prefix, string? startAt, CancellationToken cancellationToken)
    {
        await foreach (var found in store.ListAsync(prefix, startAt, cancellationToken)) return found.Path;
        return null;
    }
}
