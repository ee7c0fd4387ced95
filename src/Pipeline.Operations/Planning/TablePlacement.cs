using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Places;
using Pipeline.Operations.Options;

namespace Pipeline.Operations.Planning;

/// <summary>A table that lies elsewhere than the configuration says: it was made there, and stays.</summary>
/// <param name="Lies">Where it lies.</param>
/// <param name="Wanted">Where it would be made now; null: no location of the configuration has where it lies, so that nobody finds it.</param>
public sealed record TablePlacement(TableId Table, TablePlace Lies, TablePlace? Wanted)
{
    /// <summary>What of it is to be told.</summary>
    public string Describe() => Wanted is null
        ? $"it lies in {Lies.Address}, and no location of the configuration has this address"
        : $"it lies in {Name(Lies)}, where it was made, and stays there; by lake.places it would be made in {Name(Wanted)} now";

    internal Finding Finding => Wanted is null
        ? new Finding($"Place of {Table}", Ok: false, Describe(), $"Give the configuration pipeline.locations.{Lies.Location}.location = \"{Lies.Address}\".")
        : new Finding($"Place of {Table}", Ok: true, Describe(), NextStep: null);

    /// <summary>The tables of the lake of which that is so.</summary>
    /// <exception cref="PipelineException">The lake's own store fails.</exception>
    public static async ValueTask<IReadOnlyList<TablePlacement>> FindAsync(PipelineOptions options, Lake lake, CancellationToken cancellationToken)
    {
        var (places, placed, found) = (options.Lake.Places, lake.Store as PlacedStore, new List<TablePlacement>());
        var named = (await TablePlace.DirectoriesAsync(lake.Store, cancellationToken)).ToHashSet(StringComparer.Ordinal);
        foreach (var table in options.BronzeTables.Concat(options.Graph.Tables).Where(table => named.Contains(table.ToString()) || places.Of(table) is not null))
        {
            TablePlace? lies;
            try
            {
                lies = placed is not null ? await placed.PlaceOfAsync(table, cancellationToken) : await TablePlace.TryReadAsync(lake.Store, table.ToString(), cancellationToken);
            }
            catch (PipelineException e) when (e.Kind == FaultKind.Damaged)
            {
                // Told where the table is opened.
                continue;
            }

            if (lies is null) continue;
            var wanted = places.Of(table) is { } location ? new TablePlace(location.Name, location.Address) : TablePlace.InLake;
            if (lies.IsElsewhere && places.Locations.Values.All(location => location.Address != lies.Address)) found.Add(new TablePlacement(table, lies, Wanted: null));
            else if (lies.Address != wanted.Address) found.Add(new TablePlacement(table, lies, wanted));
        }

        return found;
    }

    private static string Name(TablePlace place) => place.IsElsewhere ? $"location {place.Location} ({place.Address})" : "the lake itself";
}
