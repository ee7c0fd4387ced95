using Pipeline.Aws;
using Pipeline.Configuration;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>Runs as jobs of an application of EMR Serverless.</summary>
public sealed record EmrServerlessOptions
{
    /// <summary>How the service is reached.</summary>
    public required AwsSettings Aws { get; init; }

    /// <summary>The application, e.g. <c>00f5abcdexample</c>.</summary>
    public required string ApplicationId { get; init; }

    /// <summary>The role that jobs run as, an ARN. Each job has of it what its run needs.</summary>
    public required string ExecutionRole { get; init; }

    /// <summary>Where jobs write their logs to, an address in S3; null: only where AWS keeps them by itself, which we cannot read.</summary>
    public string? LogUri { get; init; }

    /// <summary>How long a run may wait, and how long it may run. Default 12 h, from 5 min to 7 days.</summary>
    public TimeSpan JobTimeMax { get; init; } = EmrSettings.JobTimeMax;

    /// <summary>What an hour of each costs; null: no costs are told, only what was billed.</summary>
    public EmrServerlessPrices? Prices { get; init; }

    /// <summary>
    /// How often the application is asked how its jobs are, however many there are. Default and least 10 s, to 5 min; less than that only an
    /// emulation is asked. AWS throttles who asks more, all users of the account with him.
    /// </summary>
    public TimeSpan PollInterval { get; init; } = EmrSettings.PollIntervalLeast;

    /// <summary>Whose SQL the jobs are given. Default Spark's; DuckDB's is for an emulation.</summary>
    public EngineDialect Dialect { get; init; } = EngineDialect.Spark;

    /// <summary>How long the log of a job that has failed is waited for: AWS puts it down some time later, an emulation at once or never.</summary>
    internal TimeSpan LogLateMax => Dialect == EngineDialect.Spark ? TimeSpan.FromMinutes(2) : TimeSpan.FromSeconds(5);

    /// <summary>Reads the section <c>transform.emr-serverless</c>, reporting every problem to the reader; null: it is not there.</summary>
    public static EmrServerlessOptions? Bind(SettingsReader transform)
    {
        if (!transform.Has("emr-serverless")) return null;
        var settings = transform.Section("emr-serverless");
        var dialect = settings.Choice<EngineDialect>("dialect", EngineDialect.Spark);
        var options = new EmrServerlessOptions
        {
            Aws = EmrSettings.Aws(settings),
            ApplicationId = settings.String("application-id"),
            ExecutionRole = EmrSettings.Role(settings, "execution-role", settings.String("execution-role")) ?? "",
            LogUri = EmrSettings.LogUri(settings),
            JobTimeMax = EmrSettings.JobTime(settings),
            Prices = EmrServerlessPrices.Bind(settings),
            Dialect = dialect,
            PollInterval = EmrSettings.PollInterval(settings, dialect),
        };
        settings.Complete();
        return options;
    }
}

/// <summary>Whose SQL an engine elsewhere is given.</summary>
public enum EngineDialect
{
    Spark,

    /// <summary>An emulation's.</summary>
    Duckdb,
}
