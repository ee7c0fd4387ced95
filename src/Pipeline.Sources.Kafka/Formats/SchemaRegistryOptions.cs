using Pipeline.Core;
using Pipeline.Configuration;

namespace Pipeline.Sources.Kafka.Formats;

/// <summary>A Confluent Schema Registry, or one that answers like it.</summary>
public sealed record SchemaRegistryOptions
{
    public required Uri Url { get; init; }

    public string? Username { get; init; }

    public Secret? Password { get; init; }

    /// <summary>How long one request may take. Default 10 s.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often a request that failed is made again before reading ends with an error. Default 5.</summary>
    public int AttemptsMax { get; init; } = 5;

    internal static SchemaRegistryOptions Bind(SettingsReader settings)
    {
        var text = settings.String("url");
        var options = new SchemaRegistryOptions
        {
            Url = Uri.TryCreate(text.EndsWith('/') ? text : $"{text}/", UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url : new Uri("http://invalid/"),
            Username = settings.OptionalString("username"),
            Password = settings.OptionalSecret("password"),
            RequestTimeout = settings.Duration("request-timeout", TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5)),
            AttemptsMax = settings.Int("attempts-max", 5, min: 1, max: 100),
        };
        if (options.Url.Host == "invalid" && text.Length > 0) settings.Report("url", $"'{text}' is not an address. Write http://HOST:PORT or https://HOST:PORT");
        if (options.Username is null != options.Password is null) settings.Report("username", "and password belong together");
        settings.Complete();
        return options;
    }
}
