using Pipeline.Aws.CloudWatch;
using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Telemetry.Otlp;

public enum OtlpCompression
{
    Gzip,
    None,
}

/// <summary>Metrics by OTLP over HTTP, to any receiver of it: the section <c>telemetry.otlp</c> of the configuration.</summary>
public sealed record OtlpOptions
{
    private const string Path = "/v1/metrics";

    /// <summary>Where requests go, with the path of metrics.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>What every request carries beside its own, by the names of the headers: the keys of receivers that want one.</summary>
    public IReadOnlyDictionary<string, Secret> Headers { get; init; } = new Dictionary<string, Secret>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Default gzip.</summary>
    public OtlpCompression Compression { get; init; }

    /// <summary>The region whose CloudWatch the receiver is: requests are signed for it with this process's credentials. Null: it is another receiver.</summary>
    public string? AwsRegion { get; init; }

    /// <summary>How long one request may take, to the end of its answer. Default 10 s, 100 ms to 5 min.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Reads the section; null: it is not there.</summary>
    public static OtlpOptions? Bind(SettingsReader telemetry)
    {
        if (!telemetry.Has("otlp")) return null;
        var settings = telemetry.Section("otlp");
        var (given, region) = (settings.OptionalString("endpoint") is { Length: > 0 } text ? text : null, settings.OptionalString("aws-region") is { Length: > 0 } name ? name : null);
        var headers = settings.Section("headers");
        var options = new OtlpOptions
        {
            Endpoint = EndpointOf(settings, given, region),
            Headers = headers.Texts().ToDictionary(header => header.Key, header => headers.SecretOf(header.Key, header.Value), StringComparer.OrdinalIgnoreCase),
            Compression = settings.Choice<OtlpCompression>("compression", OtlpCompression.Gzip),
            AwsRegion = region,
            RequestTimeout = settings.Duration("request-timeout", TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5)),
        };
        foreach (var header in options.Headers.Keys.Where(header => !header.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_')))
            settings.Report("headers", $"'{header}' is no name of a header");
        if (options.Headers.Count > 0 && HttpAddress.IsPlain(options.Endpoint))
            settings.Report("endpoint", "is plain http, and whoever is on the way would read what stands in headers. Write https, or leave headers out");
        settings.Complete();
        return options;
    }

    private static Uri EndpointOf(SettingsReader settings, string? given, string? region)
    {
        if (given is null && region is not null) return CloudWatchSigning.Endpoint(region);
        if (given is null) settings.Report("endpoint", $"is required: {HttpAddress.Form} of the receiver, to which {Path} is added; for CloudWatch's own, aws-region instead");
        var address = HttpAddress.Read(settings, "endpoint", given) ?? new Uri($"http://localhost{Path}");
        TlsRule.RefuseSecrets(settings, "endpoint", address);
        return address.AbsolutePath.EndsWith(Path, StringComparison.Ordinal) ? address : new UriBuilder(address) { Path = address.AbsolutePath.TrimEnd('/') + Path }.Uri;
    }
}
