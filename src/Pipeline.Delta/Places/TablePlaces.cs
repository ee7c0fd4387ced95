using System.Collections.Immutable;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Places;

/// <summary>A place beside the lake that has a name: a section of <c>locations</c>.</summary>
/// <param name="Address">An absolute directory, or <c>s3://bucket/prefix</c>.</param>
/// <param name="S3">How its bucket is reached; not used for a directory.</param>
public sealed record NamedLocation(string Name, string Address, S3Options S3)
{
    /// <summary>Whether it is a bucket; else a directory.</summary>
    public bool IsBucket => S3Location.IsS3(Address);
}

/// <summary>Where tables are made: the sections <c>locations</c> and <c>lake.places</c>. A table that is there stays where it is, whatever they say: see <see cref="PlacedStore"/>.</summary>
/// <param name="Locations">By their names.</param>
/// <param name="ByName">A location's name for a layer, a source or a table; of the names that a table has the longest counts.</param>
public sealed record TablePlaces(ImmutableSortedDictionary<string, NamedLocation> Locations, ImmutableSortedDictionary<string, string> ByName)
{
    /// <summary>The location of a table that is in the lake itself.</summary>
    public const string Lake = "lake";

    public static readonly TablePlaces None = new(
        ImmutableSortedDictionary<string, NamedLocation>.Empty.WithComparers(StringComparer.Ordinal), ImmutableSortedDictionary<string, string>.Empty.WithComparers(StringComparer.Ordinal));

    /// <summary>Locations in which tables are made.</summary>
    public IEnumerable<NamedLocation> InUse => ByName.Values.Distinct(StringComparer.Ordinal).Select(Locations.GetValueOrDefault).OfType<NamedLocation>();

    /// <summary>Where a table is to be made; null: in the lake itself, as all are that the pipeline keeps about itself.</summary>
    public NamedLocation? Of(TableId table) =>
        !(table.Layer != Layer.Bronze && table.Name.StartsWith('_')) && TableNames.TryFind(ByName, table, out var name) ? Locations.GetValueOrDefault(name) : null;

    /// <summary>Reads both sections, reporting every problem to the readers.</summary>
    /// <param name="known">Every table that the pipeline has; null: that is not known.</param>
    public static TablePlaces Bind(SettingsReader locations, SettingsReader places, IReadOnlyCollection<TableId>? known)
    {
        var (named, byName) = (None.Locations, None.ByName);
        foreach (var (name, settings) in locations.Children())
        {
            var address = settings.String("location");
            named = named.SetItem(name, new NamedLocation(name, Normal(settings, address), ObjectStores.BindS3(settings.Section("s3"))));
            if (name == Lake) locations.Report(name, "is the lake itself, whose place is lake.location. Give it another name");
            settings.Complete();
        }

        locations.Complete();
        foreach (var (name, location) in places.TextsBelow())
        {
            byName = byName.SetItem(name, location);
            if (location != Lake && !named.ContainsKey(location))
                places.Report(name, $"there is no location '{location}'{SettingsReader.Nearest(location, [Lake, .. named.Keys])} Write a name of pipeline.locations, or {Lake}");
            TableNames.Require(places, name, known);
        }

        return new TablePlaces(named, byName);
    }

    /// <summary>One text for one place.</summary>
    private static string Normal(SettingsReader settings, string address)
    {
        if (address.Length == 0) return address;
        if (!S3Location.IsS3(address))
        {
            if (Path.IsPathRooted(address)) return Path.TrimEndingDirectorySeparator(Path.GetFullPath(address));
            settings.Report("location", $"'{address}' is neither an absolute directory nor s3://bucket/prefix. A table keeps its place wherever the next process is started");
            return address;
        }

        try
        {
            return S3Location.Parse(address).ToString();
        }
        catch (PipelineException e)
        {
            settings.Report("location", $"'{address}': {e.Cause}. {e.NextStep}");
            return address;
        }
    }
}
