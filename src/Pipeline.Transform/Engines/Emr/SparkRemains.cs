namespace Pipeline.Transform.Engines.Emr;

/// <summary>What a job left that ended without an answer; each piece as far as it could be had.</summary>
public sealed record SparkRemains
{
    /// <summary>
    /// Of <c>spark-submit</c>, or the end of it (<see cref="LogTail"/>): both streams of the driver's Python, where the driver runs beside it.
    /// </summary>
    public string Stdout { get; init; } = "";

    /// <summary>The JVM's log, or the end of it.</summary>
    public string Stderr { get; init; } = "";

    public int? ExitCode { get; init; }

    /// <summary>What the service says of it: the reason of its last state, its details of the failure.</summary>
    public string? Reason { get; init; }

    /// <summary>Where the log lies, for people.</summary>
    public string? LogPlace { get; init; }
}
