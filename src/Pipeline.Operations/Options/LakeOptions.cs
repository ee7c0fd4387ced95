using Pipeline.Configuration;
using Pipeline.Delta.Storage;

namespace Pipeline.Operations.Options;

/// <summary>Where the tables are: the section <c>lake</c>.</summary>
public sealed record LakeOptions
{
    /// <summary>A directory, relative to the process's working directory, or <c>s3://bucket/prefix</c>.</summary>
    public required string Location { get; init; }

    /// <summary>How a bucket is reached; not used for a directory.</summary>
    public S3Options S3 { get; init; } = new();

    /// <summary>Whether it depends on where a process is started.</summary>
    public bool IsRelative => !Location.Contains("://", StringComparison.Ordinal) && !Path.IsPathRooted(Location);

    internal static LakeOptions Bind(SettingsReader settings, string? location)
    {
        var configured = settings.String("location");
        var s3 = ObjectStores.BindS3(settings.Section("s3"));
        settings.Complete();
        return new LakeOptions { Location = location ?? configured, S3 = s3 };
    }
}
