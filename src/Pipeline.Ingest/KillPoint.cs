using System.Diagnostics;

namespace Pipeline.Ingest;

/// <summary>
/// Places at which fault tests end the process as <c>kill -9</c> would. Off unless the environment variable
/// <c>PIPELINE_KILL_POINT</c> names one, as <c>NAME</c> or <c>NAME:N</c> for the Nth time it is reached.
/// </summary>
public static class KillPoint
{
    /// <summary>Before a table records where a split begins; only splits with a <see cref="Core.Split.Beginning"/> come here.</summary>
    public const string BeforeBeginning = "before-beginning";

    public const string AfterFetch = "after-fetch";
    public const string AfterWrite = "after-write";
    public const string AfterUpload = "after-upload";
    public const string BeforeLogEntry = "before-log-entry";
    public const string AfterLogEntry = "after-log-entry";
    public const string BeforeAcknowledge = "before-acknowledge";

    /// <summary>The steps of every record, in their order.</summary>
    public static readonly IReadOnlyList<string> All = [AfterFetch, AfterWrite, AfterUpload, BeforeLogEntry, AfterLogEntry, BeforeAcknowledge];

    private static readonly string? Armed = Environment.GetEnvironmentVariable("PIPELINE_KILL_POINT")?.Split(':')[0];
    private static int _left = Environment.GetEnvironmentVariable("PIPELINE_KILL_POINT")?.Split(':') is [_, var count] ? int.Parse(count) : 1;

    internal static void Reach(string name)
    {
        if (Armed is null || !string.Equals(Armed, name, StringComparison.Ordinal) || Interlocked.Decrement(ref _left) != 0) return;
        using var self = Process.GetCurrentProcess();
        self.Kill();
        // The signal may arrive a moment later; nothing more must happen here until then.
        new ManualResetEventSlim().Wait();
    }
}
