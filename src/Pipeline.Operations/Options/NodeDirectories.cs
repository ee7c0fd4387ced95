using Pipeline.Delta.Storage;

namespace Pipeline.Operations.Options;

/// <summary>Directories of a machine that its node fills, and whose disks' free space it measures.</summary>
public static class NodeDirectories
{
    /// <summary>By what the tag calls them. A bucket is none.</summary>
    public static IReadOnlyDictionary<string, string> Of(PipelineOptions options)
    {
        var directories = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["work"] = options.Transform.TempDirectory, ["spool"] = options.Telemetry.SpoolLocation };
        if (!S3Location.IsS3(options.Lake.Location)) directories["lake"] = options.Lake.Location;
        foreach (var location in options.Lake.Places.Locations.Values.Where(location => !location.IsBucket)) directories[$"locations.{location.Name}"] = location.Address;
        return directories;
    }
}
