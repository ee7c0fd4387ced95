using Pipeline.Core.Configuration;

namespace Pipeline.Node.Configuration;

/// <summary>Where the tables are: the section <c>lake</c>.</summary>
public sealed record LakeOptions
{
    /// <summary>A directory, relative to the process's working directory, or <c>s3://bucket/prefix</c>.</summary>
    public required string Location { get; init; }

    internal static LakeOptions Bind(SettingsReader settings, string? location)
    {
        var configured = settings.String("location");
        settings.Complete();
        return new LakeOptions { Location = location ?? configured };
    }
}
