using Pipeline.Delta.Storage;
using Pipeline.Demo.Emr;

namespace Pipeline.Demo.Session;

/// <summary>What the command line asks of a demo.</summary>
/// <param name="Lake">The lake's directory, or <c>s3://bucket/prefix</c>.</param>
/// <param name="IsOnce">A fixed amount of data; ends when all of it has reached Gold.</param>
/// <param name="IsResumed">Goes on with the demo that was in the directory.</param>
/// <param name="Duration">How long data keeps coming; null: until interrupted, or as <paramref name="IsOnce"/> says.</param>
/// <param name="RowsPerSecond">Of all tables together; null: the generator's own pace.</param>
/// <param name="Engine">Of Silver and Gold.</param>
internal sealed record DemoSettings(string Lake, bool IsOnce, bool IsResumed, TimeSpan? Duration, int? RowsPerSecond, DemoEngine Engine)
{
    public const string DefaultLake = ".pipeline/demo/lake";

    /// <summary>Where demos with their lake in a bucket keep what belongs to their servers, each in a directory of its own.</summary>
    public const string DefaultServers = ".pipeline/demo/servers";

    /// <summary>Where this one does, its lake being in a bucket.</summary>
    public string ServersOfBucket => Path.Combine(DefaultServers, S3Location.Parse(Lake).ToString()["s3://".Length..].Replace('/', '+'));
}
