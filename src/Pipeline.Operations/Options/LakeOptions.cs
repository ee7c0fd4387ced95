using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;

namespace Pipeline.Operations.Options;

/// <summary>Where the tables are: the section <c>lake</c>.</summary>
public sealed record LakeOptions
{
    /// <summary>A directory, relative to the process's working directory, or <c>s3://bucket/prefix</c>.</summary>
    public required string Location { get; init; }

    /// <summary>How a bucket is reached; not used for a directory.</summary>
    public S3Options S3 { get; init; } = new();

    /// <summary>How files are compressed by layer, source and table.</summary>
    public FileCompressions Compression { get; init; } = FileCompressions.None;

    /// <summary>Where tables are made that are not to lie in the lake itself.</summary>
    public TablePlaces Places { get; init; } = TablePlaces.None;

    /// <summary>Whether it depends on where a process is started.</summary>
    public bool IsRelative => !Location.Contains("://", StringComparison.Ordinal) && !Path.IsPathRooted(Location);

    /// <param name="known">Every table that the pipeline has; null: that is not known.</param>
    internal static LakeOptions Bind(SettingsReader settings, SettingsReader locations, string? location, IReadOnlyCollection<TableId>? known)
    {
        var configured = settings.String("location");
        var s3 = ObjectStores.BindS3(settings.Section("s3"));
        var compression = FileCompressions.Bind(settings.Section("compression"), known);
        var places = TablePlaces.Bind(locations, settings.Section("places"), known);
        settings.Complete();
        var lake = new LakeOptions { Location = location ?? configured, S3 = s3, Compression = compression, Places = places };
        RequireApart(lake, locations);
        return lake;
    }

    /// <summary>A table of one place would be taken for a part of the other.</summary>
    private static void RequireApart(LakeOptions lake, SettingsReader locations)
    {
        var before = new List<NamedLocation>();
        foreach (var location in lake.Places.Locations.Values.Where(location => location.Address.Length > 0))
        {
            var place = LakePlace.Of(location.Address);
            if (place.Meets(LakePlace.Of(lake))) locations.Section(location.Name).Report("location", "is the lake itself, or in it, or around it. Write another place");
            if (before.Find(other => place.Meets(LakePlace.Of(other.Address))) is { } met)
                locations.Section(location.Name).Report("location", $"is location '{met.Name}', or in it, or around it. Write another place, or one location for both");
            before.Add(location);
        }
    }
}
