using Pipeline.Demo.Emr;

namespace Pipeline.Demo.Session;

/// <summary>What the command line asks of a demo.</summary>
/// <param name="Lake">The lake's directory.</param>
/// <param name="IsOnce">A fixed amount of data; ends when all of it has reached Gold.</param>
/// <param name="IsResumed">Goes on with the demo that was in the directory.</param>
/// <param name="Duration">How long data keeps coming; null: until interrupted, or as <paramref name="IsOnce"/> says.</param>
/// <param name="RowsPerSecond">Of all tables together; null: the generator's own pace.</param>
/// <param name="Engine">Of Silver and Gold.</param>
internal sealed record DemoSettings(string Lake, bool IsOnce, bool IsResumed, TimeSpan? Duration, int? RowsPerSecond, DemoEngine Engine)
{
    public const string DefaultLake = ".pipeline/demo/lake";
}
