using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta.Parquet;
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

    /// <summary>Whether it depends on where a process is started.</summary>
    public bool IsRelative => !Location.Contains("://", StringComparison.Ordinal) && !Path.IsPathRooted(Location);

    /// <param name="known">Every table that the pipeline has; null: that is not known.</param>
    internal static LakeOptions Bind(SettingsReader settings, string? location, IReadOnlyCollection<TableId>? known)
    {
        var configured = settings.String("location");
        var s3 = ObjectStores.BindS3(settings.Section("s3"));
        var compression = FileCompressions.Bind(settings.Section("compression"), known);
        settings.Complete();
        return new LakeOptions { Location = location ?? configured, S3 = s3, Compression = compression };
    }
}
