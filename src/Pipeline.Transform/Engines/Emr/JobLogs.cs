using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>The logs of jobs, as services put them into a bucket: compressed, and some time after the end.</summary>
/// <param name="store">What lies below the configured address.</param>
/// <param name="lateMax">How long a log that is not there is waited for.</param>
internal sealed class JobLogs(IObjectStore store, TimeSpan lateMax, TimeProvider time)
{
    /// <summary>What is more is not fetched: its address is told.</summary>
    private const long BytesMax = 64L << 20;

    private readonly RetryPolicy _looks = new() { BackoffMin = TimeSpan.FromSeconds(5), BackoffMax = TimeSpan.FromSeconds(15), TimeMax = lateMax };

    /// <summary>What a job of EMR Serverless left.</summary>
    public Task<SparkRemains> OfJobAsync(string application, string job, string? reason, CancellationToken cancellationToken) => RemainsAsync(DirectoryOfJob(application, job), reason, cancellationToken);

    /// <summary>What a step of a cluster left.</summary>
    public Task<SparkRemains> OfStepAsync(string cluster, string step, string? reason, CancellationToken cancellationToken) => RemainsAsync(DirectoryOfStep(cluster, step), reason, cancellationToken);

    /// <summary>Where a job of EMR Serverless leaves its log, below the configured address.</summary>
    public static string DirectoryOfJob(string application, string job) => $"applications/{application}/jobs/{job}/SPARK_DRIVER/";

    /// <summary>Where a step of a cluster leaves its log, below the configured address.</summary>
    public static string DirectoryOfStep(string cluster, string step) => $"{cluster}/steps/{step}/";

    /// <param name="directory">Below the configured address, where <c>stdout.gz</c> and <c>stderr.gz</c> are put.</param>
    public async Task<SparkRemains> RemainsAsync(string directory, string? reason, CancellationToken cancellationToken)
    {
        var remains = new SparkRemains { Reason = reason, LogPlace = $"{store.Location.TrimEnd('/')}/{directory}" };
        string? stderr;
        try
        {
            stderr = await _looks.RunAsync(time, cancel => ReadAsync($"{directory}stderr.gz", cancel), cancellationToken, isAgain: text => text is null);
        }
        catch (PipelineException e)
        {
            // The job's own failure is told, with why no more is known of it.
            return remains with { Reason = $"{reason?.TrimEnd('.')}. Its log cannot be read: {e.Cause}" };
        }

        return stderr is null ? remains : remains with { Stderr = stderr, Stdout = await ReadAsync($"{directory}stdout.gz", cancellationToken) ?? "" };
    }

    private async ValueTask<string?> ReadAsync(string path, CancellationToken cancellationToken)
    {
        if (await store.TryStatAsync(path, cancellationToken) is not { } found) return null;
        if (found.Size > BytesMax || await store.TryGetAsync(path, cancellationToken) is not { } log) return "";
        await using var stream = new MemoryStream(log, writable: false);
        return await LogTail.ReadAsync(stream, cancellationToken);
    }
}
