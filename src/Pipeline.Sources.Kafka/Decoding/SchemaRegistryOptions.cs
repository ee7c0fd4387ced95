using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Decoding;

/// <summary>A Confluent Schema Registry, or one that answers like it.</summary>
public sealed record SchemaRegistryOptions
{
    private static readonly SchemaRegistryOptions Defaults = new() { Url = new Uri("http://invalid/") };

    /// <summary>Where it answers: <c>http://HOST:PORT</c> or <c>https://HOST:PORT</c>.</summary>
    public required Uri Url { get; init; }

    public string? Username { get; init; }

    public Secret? Password { get; init; }

    /// <summary>How long an answer may take. Default 10 s, 100 ms to 1 day.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How one request is tried again before reading fails and waits. Default: from 100 ms to 5 s, 5 attempts, 10 s.</summary>
    public RetryPolicy Retry { get; init; } = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(100), BackoffMax = TimeSpan.FromSeconds(5), AttemptsMax = 5, TimeMax = TimeSpan.FromSeconds(10),
    };

    internal static SchemaRegistryOptions Bind(SettingsReader settings)
    {
        settings.Renamed("attempts-max", "retry.attempts-max");
        var address = HttpAddress.Read(settings, "url", settings.String("url"));
        TlsRule.Check(settings, "url", address);
        var options = new SchemaRegistryOptions
        {
            Url = address is null ? Defaults.Url : address.AbsolutePath.EndsWith('/') ? address : new UriBuilder(address) { Path = $"{address.AbsolutePath}/" }.Uri,
            Username = settings.OptionalString("username"),
            Password = settings.OptionalSecret("password"),
            RequestTimeout = settings.RequestTimeout(Defaults.RequestTimeout),
            Retry = RetrySettings.Bind(settings.Section("retry"), Defaults.Retry),
        };
        if (options.Username is null != options.Password is null) settings.Report("username", "and password belong together");
        settings.Complete();
        return options;
    }
}
