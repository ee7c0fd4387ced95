using Pipeline.Core;

namespace Pipeline.Faults.Tests.Night;

/// <summary>How fast a night goes by: what a node waits for between two tries, and by what time it says what is away.</summary>
/// <param name="Watching">Null: everybody's.</param>
/// <param name="Settings">In <c>pipeline { … }</c>.</param>
/// <param name="HaltRetry">When a Silver or Gold table that somebody has to mend is looked at again; null: as it comes.</param>
internal sealed record NightPace(TimeProvider? Watching, string Settings, RetryPolicy? HaltRetry, int RowsPerSecond)
{
    /// <summary>As a node comes, but for a job without an end, which is to be told within an outage.</summary>
    public static NightPace True => new(Watching: null, "transform.job-time-max = 40s", HaltRetry: null, RowsPerSecond: 100);

    /// <summary>Ten seconds are half a one for who says what is away; pauses and clients' own tries are short.</summary>
    public static NightPace Hurried => new(new HurriedTime(factor: 20), """
        lake.s3.retry { backoff-min = 20ms, backoff-max = 50ms, attempts-max = 3, time-max = 200ms }
        ingest { file-age-max = 1s, retry { backoff-min = 50ms, backoff-max = 300ms, halted-min = 200ms, halted-max = 500ms } }
        transform { poll-interval = 500ms, lag-max = 5s, retry { backoff-min = 100ms, backoff-max = 500ms } }
        sources.crm.retry { backoff-min = 20ms, backoff-max = 100ms, attempts-max = 3, time-max = 200ms }
        sources.meters.registry.retry { backoff-min = 20ms, backoff-max = 100ms, attempts-max = 3, time-max = 200ms }
        """, new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(500), BackoffMax = TimeSpan.FromSeconds(1), Jitter = 0 }, RowsPerSecond: 10);
}
