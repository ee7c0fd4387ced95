using System.Runtime.CompilerServices;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta;

/// <summary>The tables that are in a lake, whatever any configuration says.</summary>
public static class TableListing
{
    private static readonly string[] Layers = ["bronze", "silver", "gold"];

    /// <summary>Tables by layer, then by name. Costs one listing a table, however many files the tables have.</summary>
    public static async IAsyncEnumerable<TableId> TablesAsync(IObjectStore store, [EnumeratorCancellation] CancellationToken cancellationToken)
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
                if (await HasAsync(store, directory, cancellationToken)) yield return TableId.Parse(directory);
                // '0' follows '/': the first path that is not below the directory.
                startAt = directory + "0";
            }
        }
    }

    /// <summary>Whether a table of that name is there; whether it can be read is another question.</summary>
    public static async ValueTask<bool> HasAsync(IObjectStore store, string directory, CancellationToken cancellationToken) =>
        await FirstAsync(store, $"{directory}/_delta_log/", startAt: null, cancellationToken) is not null;

    private static async ValueTask<string?> FirstAsync(IObjectStore store, string prefix, string? startAt, CancellationToken cancellationToken)
    {
        await foreach (var found in store.ListAsync(prefix, startAt, cancellationToken)) return found.Path;
        return null;
    }
}
