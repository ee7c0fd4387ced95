using Pipeline.Aws;
using Pipeline.Configuration;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>What EMR and EMR Serverless are told alike.</summary>
internal static class EmrSettings
{
    public static readonly TimeSpan JobTimeMax = TimeSpan.FromHours(12);

    public static readonly TimeSpan PollIntervalLeast = TimeSpan.FromSeconds(10);

    /// <summary>The longest time that a run may have: what AWS itself allows is longer.</summary>
    private static readonly TimeSpan JobTimeLongest = TimeSpan.FromDays(7);

    public static AwsSettings Aws(SettingsReader settings) =>
        new() { Region = settings.String("region"), Endpoint = HttpAddress.ReadOfAws(settings, "endpoint"), UseFips = settings.Bool("fips", byDefault: false) };

    /// <summary>A role's ARN; null: none is given.</summary>
    public static string? Role(SettingsReader settings, string key, string? role)
    {
        if (role is not { Length: > 0 }) return null;
        if (!(role.StartsWith("arn:", StringComparison.Ordinal) && role.Contains(":role/", StringComparison.Ordinal)))
            settings.Report(key, $"'{role}' is not the ARN of a role. Write arn:aws:iam::ACCOUNT:role/NAME");
        return role;
    }

    public static string? LogUri(SettingsReader settings) => settings.OptionalString("log-uri") is { Length: > 0 } log ? log.TrimEnd('/') + "/" : null;

    /// <summary>An emulation may be asked more often.</summary>
    public static TimeSpan PollInterval(SettingsReader settings, EngineDialect dialect) =>
        settings.Duration("poll-interval", PollIntervalLeast, dialect == EngineDialect.Duckdb ? TimeSpan.FromMilliseconds(100) : PollIntervalLeast, TimeSpan.FromMinutes(5));

    public static TimeSpan JobTime(SettingsReader settings) => settings.Duration("job-time-max", JobTimeMax, TimeSpan.FromMinutes(5), JobTimeLongest);
}
