using Pipeline.Aws;
using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Telemetry.CloudWatch;

/// <summary>Metrics as those of Amazon CloudWatch: the section <c>telemetry.cloudwatch</c> of the configuration.</summary>
public sealed record CloudWatchOptions
{
    private const int NamespaceLengthMax = 255;

    /// <summary>How the service is reached.</summary>
    public required AwsSettings Aws { get; init; }

    /// <summary>The namespace of all metrics; null: <c>Pipeline/NAME</c>. The pipeline's name is a dimension of each as well, so that pipelines that share a namespace share no metric.</summary>
    public string? Namespace { get; init; }

    /// <summary>Whether larger requests are compressed with gzip. Default true; false is for emulations that cannot read it.</summary>
    public bool Compress { get; init; } = true;

    /// <summary>Reads the section; null: it is not there.</summary>
    public static CloudWatchOptions? Bind(SettingsReader telemetry)
    {
        if (!telemetry.Has("cloudwatch")) return null;
        var settings = telemetry.Section("cloudwatch");
        var name = settings.OptionalString("namespace");
        if (name is { Length: > 0 } && !IsNamespace(name))
            settings.Report("namespace", $"'{name}' is no namespace for metrics of one's own: 1 to {NamespaceLengthMax} letters, digits and . - _ / #, not beginning with AWS/");
        var options = new CloudWatchOptions
        {
            Aws = new AwsSettings
            {
                Region = settings.String("region"),
                Endpoint = HttpAddress.ReadOfAws(settings, "endpoint"),
                UseFips = settings.Bool("fips", byDefault: false),
                RequestTimeout = settings.Duration("request-timeout", TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5)),
                // Once more, for what fresh credentials or AWS's own clock mend: everything else waits where it is said.
                Retry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(100), BackoffMax = TimeSpan.FromSeconds(1), AttemptsMax = 2 },
            },
            Namespace = name is { Length: > 0 } ? name : null,
            Compress = settings.Bool("compress", byDefault: true),
        };
        settings.Complete();
        return options;
    }

    private static bool IsNamespace(string name) => name.Length <= NamespaceLengthMax && !name.StartsWith("AWS/", StringComparison.Ordinal)
        && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or '/' or '#');
}
